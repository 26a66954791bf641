using System.Globalization;

namespace Lockstep.Footprint;

/// <summary>What the kernel says of a process.</summary>
internal static class ProcessUse
{
    private const double TicksPerSecond = 100;

    /// <summary>Seconds of processor time since its start.</summary>
    public static double CpuSeconds(int id)
    {
        // Behind the name in parentheses: utime and stime are the twelfth and thirteenth fields.
        string text = File.ReadAllText($"/proc/{id}/stat");
        string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>Bytes of anonymous memory that are resident: heap and stacks, without mapped files, whose pages come and go.</summary>
    public static long AnonymousBytes(int id)
    {
        string line = File.ReadLines($"/proc/{id}/status").First(l => l.StartsWith("RssAnon:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>Runnable processes, averaged over the last minute.</summary>
    public static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];
}

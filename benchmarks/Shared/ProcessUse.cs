using System.Globalization;

namespace Lockstep.Benchmarks;

/// <summary>What the kernel says of processes. Linux only.</summary>
public static class ProcessUse
{
    private const double TicksPerSecond = 100;

    /// <summary>Seconds of processor time of one process since its start.</summary>
    public static double CpuSeconds(int id) => Seconds(id, 2);

    /// <summary>Seconds of processor time of this process and of all its children and theirs that ended.</summary>
    public static double TreeCpuSeconds() => Seconds(Environment.ProcessId, 4);

    /// <summary>Seconds in which the machine's cores were busy since it started, over all cores; what a hypervisor took from them counts as busy.</summary>
    public static double MachineCpuSeconds()
    {
        // cpu user nice system idle iowait irq softirq steal …
        double[] fields = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8).Select(f => double.Parse(f, CultureInfo.InvariantCulture))];
        return (fields.Sum() - fields[3] - fields[4]) / TicksPerSecond;
    }

    /// <summary>Bytes of anonymous memory that are resident: heap and stacks, without mapped files, whose pages come and go.</summary>
    public static long AnonymousBytes(int id) => StatusBytes(id, "RssAnon:");

    /// <summary>The most bytes that were resident since the start or the last <see cref="ResetPeak"/>, mapped pages counted once.</summary>
    public static long PeakBytes(int id) => StatusBytes(id, "VmHWM:");

    /// <summary>Begins a new peak with what is resident now.</summary>
    public static void ResetPeak(int id) => File.WriteAllText($"/proc/{id}/clear_refs", "5");

    /// <summary>Runnable processes, averaged over the last minute.</summary>
    public static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    private static long StatusBytes(int id, string name)
    {
        string line = File.ReadLines($"/proc/{id}/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <param name="fields">From utime on: 2 with stime, 4 with those of children that were waited for.</param>
    private static double Seconds(int id, int fields)
    {
        // Behind the name in parentheses: utime is the twelfth field.
        string text = File.ReadAllText($"/proc/{id}/stat");
        return text[(text.LastIndexOf(')') + 2)..].Split(' ').Skip(11).Take(fields).Sum(field => long.Parse(field, CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}

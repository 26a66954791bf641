using System.Globalization;
using System.Runtime.InteropServices;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>Processes as the kernel sees them.</summary>
internal static class SystemProcess
{
    public const int HangUp = 1;
    public const int Interrupt = 2;
    public const int Abort = 6;
    public const int Kill = 9;
    public const int Terminate = 15;

    /// <summary>The direct children of a process that are alive.</summary>
    public static IReadOnlyList<int> ChildrenOf(int parent) =>
        [.. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => name!.All(char.IsAsciiDigit)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture)).Where(id => Fields(id) is { } fields && fields[0] != "Z" && fields[1] == parent.ToString(CultureInfo.InvariantCulture))];

    /// <summary>Whether it runs; one that ended and was not reaped does not.</summary>
    public static bool IsAlive(int id) => Fields(id) is { } fields && fields[0] is not ("Z" or "X");

    /// <summary>What it was started with; empty: it is gone.</summary>
    public static string CommandLineOf(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Replace('\0', ' ');
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>What it was given on its way.</summary>
    public static IEnumerable<KeyValuePair<string, string>> EnvironmentOf(int id) =>
        File.ReadAllText($"/proc/{id}/environ").Split('\0', StringSplitOptions.RemoveEmptyEntries).Select(variable => variable.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], pair[1]));

    public static void Signal(int id, int signal) => Assert.True(TrySignal(id, signal), $"There is no process {id}.");

    /// <returns>Whether there is such a process.</returns>
    public static bool TrySignal(int id, int signal) => IsAlive(id) && SendSignal(id, signal) == 0;

    /// <summary>What stands behind the name in /proc/ID/stat: state, parent, ….</summary>
    private static string[]? Fields(int id)
    {
        try
        {
            string text = File.ReadAllText($"/proc/{id}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}

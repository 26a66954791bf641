using System.Globalization;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Doctor;

/// <summary>Whether a machine has what a fleet takes.</summary>
public static class MachineChecks
{
    private const long Mebibyte = 1 << 20;

    /// <summary>A fleet of one worker takes about 700 MiB before it has a model.</summary>
    private const long EnoughMemory = 1024 * Mebibyte;

    private const long LeastMemory = 400 * Mebibyte;
    private const long EnoughDisk = 1024 * Mebibyte;
    private const long LeastDisk = 50 * Mebibyte;
    private const long EnoughShared = 64 * Mebibyte;
    private const long EnoughFiles = 1024;
    private const long LeastFiles = 256;

    /// <summary>Ports of a fleet with two shards and two workers.</summary>
    private const int Ports = 10;

    /// <param name="meminfo">As Linux has it in /proc/meminfo; null: it is another system.</param>
    /// <param name="limit">Bytes that this process may have.</param>
    public static Finding Memory(string? meminfo, long limit)
    {
        const string Subject = "memory";
        const string Key = "MemAvailable:";
        string? line = meminfo?.Split('\n').FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        long free = line is not null && long.TryParse(line[Key.Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out long kibibytes) ? Math.Min(kibibytes * 1024, limit) : limit;
        return Amount(Subject, $"{Size(free)} can be had", free, LeastMemory, EnoughMemory, "End other programs, or raise the container's limit; each worker takes some 350 MiB beside its model and data.");
    }

    /// <param name="limits">As Linux has it in /proc/self/limits; null: it is another system.</param>
    public static Finding OpenFiles(string? limits)
    {
        const string Subject = "open files";
        string[] words = limits?.Split('\n').FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal))?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        // Max open files SOFT HARD files.
        return words.Length < 5 ? new Finding(Subject, FindingKind.Good, "this system has no such limit to read")
            : words[3] == "unlimited" ? new Finding(Subject, FindingKind.Good, "unlimited a process")
            : long.TryParse(words[3], NumberStyles.None, CultureInfo.InvariantCulture, out long soft)
                ? Amount(Subject, $"{soft} a process", soft, LeastFiles, EnoughFiles, $"Raise it before the start: ulimit -n {(words[4] == "unlimited" ? "65536" : words[4])}")
                : new Finding(Subject, FindingKind.Warning, $"the limit '{words[3]}' cannot be read", "See 'ulimit -n'.");
    }

    /// <param name="folder">Where the system has it.</param>
    public static Finding SharedMemory(string folder) => OperatingSystem.IsLinux()
        ? Space("shared memory", folder, LeastDisk, EnoughShared, FindingKind.Warning, "Mount it (mount -t tmpfs tmpfs /dev/shm); in a container give --shm-size=256m.")
        : new Finding("shared memory", FindingKind.Good, "not needed on this system");

    /// <param name="folder">Where runs are written.</param>
    public static Finding Disk(string folder) => Space("disk", folder, LeastDisk, EnoughDisk, FindingKind.Fault, "Free some, or name another folder with --output.");

    /// <summary>Loopback ports of a fleet, and the one of <c>lockstep up</c>.</summary>
    public static Finding LoopbackPorts(int port)
    {
        const string Subject = "ports";
        try
        {
            FreePorts.Take(Ports);
        }
        catch (System.Net.Sockets.SocketException exception)
        {
            return new Finding(Subject, FindingKind.Fault, $"{Ports} ports of the loopback interface cannot be had: {exception.Message}", "Bring the interface up (ip link set lo up), or end what holds the ports.");
        }

        return FreePorts.IsFree(port)
            ? new Finding(Subject, FindingKind.Good, $"{Ports} can be had, and {port} of 'lockstep up' is free")
            : new Finding(Subject, FindingKind.Warning, $"{port}, the port of 'lockstep up', is taken", "Is a fleet up already? Else end what has it, or give 'lockstep up' another --port.");
    }

    private static Finding Space(string subject, string folder, long least, long enough, FindingKind worst, string remedy)
    {
        string probe = Path.Combine(folder, $"lockstep-doctor-{Environment.ProcessId}");
        try
        {
            File.WriteAllText(probe, "lockstep");
            File.Delete(probe);
            long free = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
            Finding found = Amount(subject, $"{Size(free)} free in {folder}", free, least, enough, remedy);
            return found.Kind == FindingKind.Fault ? found with { Kind = worst } : found;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return new Finding(subject, worst, $"{folder} cannot be written: {exception.Message}", remedy);
        }
    }

    private static Finding Amount(string subject, string text, long found, long least, long enough, string remedy) =>
        found >= enough ? new Finding(subject, FindingKind.Good, text) : new Finding(subject, found >= least ? FindingKind.Warning : FindingKind.Fault, text, remedy);

    private static string Size(long bytes) => bytes >= 1024 * Mebibyte
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * Mebibyte):0.0} GiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / Mebibyte} MiB");
}

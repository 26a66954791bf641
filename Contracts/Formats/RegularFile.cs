using System.Runtime.InteropServices;

namespace Lockstep.Contracts.Formats;

/// <summary>Opens files that have an end: opening a pipe may wait for ever, and a device may never end.</summary>
public static partial class RegularFile
{
    private const int Buffer = 1 << 16;

    // The layout of Linux' struct statx, which is the same on every architecture.
    private const int StatBytes = 256;
    private const int ModeOffset = 28;
    private const int CurrentDirectory = -100;
    private const uint TypeMask = 0xF000;

    /// <exception cref="InputException">It is a pipe, a socket or a device.</exception>
    /// <exception cref="IOException">It is missing or cannot be read.</exception>
    public static FileStream Open(string path)
    {
        if (OperatingSystem.IsLinux() && KindOf(path) is { } kind)
        {
            throw new InputException(path, 0, $"This is {kind}, not a file.", "Write what it gives into a file, which can be read more than once, and name that.");
        }

        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, Buffer, FileOptions.SequentialScan);
    }

    /// <returns>Null: a file, a folder, or nothing.</returns>
    private static string? KindOf(string path)
    {
        var stat = new byte[StatBytes];
        if (path.Contains('\0') || StatX(CurrentDirectory, path, 0, 1, stat) != 0)
        {
            return null;
        }

        return (BitConverter.ToUInt16(stat, ModeOffset) & TypeMask) switch
        {
            0x1000 => "a pipe",
            0x2000 or 0x6000 => "a device",
            0xC000 => "a socket",
            _ => null,
        };
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int directory, string path, int flags, uint mask, byte[] stat);
}

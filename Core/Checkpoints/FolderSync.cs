using System.Runtime.InteropServices;

namespace Lockstep.Core.Checkpoints;

/// <summary>Sees to it that the names in a folder are on the disk: fsync(2) of a file says nothing of the name it was given. Windows keeps names in its journal, and nothing is done there.</summary>
internal static partial class FolderSync
{
    private const int Interrupted = 4;
    private const int InvalidArgument = 22;

    /// <value>For reading, and not for child processes.</value>
    private static readonly int s_readOnly = OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000;

    /// <exception cref="IOException">The folder cannot be read or written through.</exception>
    public static void Sync(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        int folder = Open(path, s_readOnly);
        if (folder < 0)
        {
            throw Failure(path);
        }

        try
        {
            // Some file systems, networked ones among them, know no fsync of folders and say so.
            while (Fsync(folder) != 0 && Marshal.GetLastPInvokeError() is int error and not InvalidArgument)
            {
                if (error != Interrupted)
                {
                    throw Failure(path);
                }
            }
        }
        finally
        {
            _ = Close(folder);
        }
    }

    private static IOException Failure(string path) => new($"The folder {path} cannot be written through to the disk: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Fsync(int file);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int file);
}

using System.Runtime.InteropServices;

namespace Lockstep.Contracts.Services;

/// <summary>The limit of how large files may become (ulimit -f), which holds for memory that processes share as well.</summary>
public static class FileSizeLimit
{
    /// <summary>SIGXFSZ, which .NET has no name for; alike on Linux and macOS.</summary>
    private const PosixSignal FileTooLarge = (PosixSignal)25;

    /// <summary>From now on what exceeds the limit fails where it is written, as on a full disk. Without this it ends the process.</summary>
    /// <returns>Holds until it is disposed of; null: this system has no such signal.</returns>
    public static PosixSignalRegistration? FailInsteadOfEnding() =>
        OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(FileTooLarge, static context => context.Cancel = true);
}

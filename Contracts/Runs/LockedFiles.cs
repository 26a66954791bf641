namespace Lockstep.Contracts.Runs;

/// <summary>Files that are opened without sharing, as locks.</summary>
public static class LockedFiles
{
    /// <summary>Whether a file cannot be opened because somebody holds it.</summary>
    // EWOULDBLOCK of Linux and of macOS, ERROR_SHARING_VIOLATION of Windows.
    public static bool IsHeld(IOException exception) => exception.HResult is 11 or 35 or unchecked((int)0x80070020);
}

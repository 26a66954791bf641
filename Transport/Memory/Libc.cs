using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Transport.Memory;

/// <summary>What Linux offers for memory and files between processes and .NET does not.</summary>
internal static unsafe partial class Libc
{
    public const int Interrupted = 4;
    public const int WouldBlock = 11;
    private const int AddSealsCommand = 1033;
    private const int GetSealsCommand = 1034;
    private const int SealShrink = 0x2;
    private const int SealGrow = 0x4;
    private const int SealSeal = 0x1;
    private const int SealFutureWrite = 0x10;
    private const int ReadProtection = 0x1;
    private const int WriteProtection = 0x2;
    private const int SharedMap = 0x1;
    private const uint CloseOnExec = 0x1;
    private const uint AllowSealing = 0x2;

    /// <summary>An anonymous file whose pages are all there, so that a store cannot fail for want of memory.</summary>
    /// <exception cref="Win32Exception">There is no memory for it, or the system has no such files.</exception>
    public static SafeFileHandle CreateFile(string name, long bytes)
    {
        SafeFileHandle file = memfd_create(name, CloseOnExec | AllowSealing);
        if (file.IsInvalid || fallocate(file, 0, 0, (nint)bytes) != 0)
        {
            var reason = new Win32Exception(Marshal.GetLastPInvokeError());
            file.Dispose();
            throw reason;
        }

        return file;
    }

    /// <summary>From here on nobody changes the file's length, and nobody but those who have mapped it writes to it.</summary>
    public static void Seal(SafeFileHandle file)
    {
        if (fcntl(file, AddSealsCommand, SealShrink | SealGrow | SealFutureWrite | SealSeal) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    /// <returns>Whether the file can become neither shorter nor sparse under whoever reads it.</returns>
    public static bool IsSealed(SafeFileHandle file)
    {
        int seals = fcntl(file, GetSealsCommand, 0);
        return seals >= 0 && (seals & (SealShrink | SealFutureWrite)) == (SealShrink | SealFutureWrite);
    }

    /// <returns>Whether the file's pages are all there; where one is not, reading it takes memory, and is a bus error where there is none.</returns>
    /// <exception cref="Win32Exception">The system does not say.</exception>
    public static bool IsWhole(SafeFileHandle file, long bytes)
    {
        const int BlockBytes = 512;
        const int EmptyPath = 0x1000;
        const uint Blocks = 0x400;
        Status status;
        if (statx(file, "", EmptyPath, Blocks, &status) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }

        return (status.Mask & Blocks) != 0 && status.Blocks >= (ulong)bytes / BlockBytes;
    }

    public static byte* Map(SafeFileHandle file, long bytes, bool writes)
    {
        nint at = mmap(0, (nint)bytes, ReadProtection | (writes ? WriteProtection : 0), SharedMap, file, 0);
        return at != -1 ? (byte*)at : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    public static void Unmap(byte* at, long bytes) => munmap((nint)at, (nint)bytes);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial nint SendMessage(SafeHandle socket, MessageHead* message, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial nint ReceiveMessage(SafeHandle socket, MessageHead* message, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial SafeFileHandle memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int fallocate(SafeFileHandle file, int mode, nint offset, nint length);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int fcntl(SafeFileHandle file, int command, int argument);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int statx(SafeFileHandle folder, string path, int flags, uint mask, Status* status);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint mmap(nint address, nint length, int protection, int flags, SafeFileHandle file, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int munmap(nint address, nint length);

    /// <summary>struct statx, alike on all machines.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(0)]
        public uint Mask;
        [FieldOffset(48)]
        public ulong Blocks;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Piece
    {
        public void* Base;
        public nuint Length;
    }

    /// <summary>struct msghdr, as 64-bit Linux lays it out.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHead
    {
        public void* Name;
        public uint NameLength;
        public Piece* Pieces;
        public nuint PieceCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct cmsghdr with one file, and the padding behind it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct FileControl
    {
        public nuint Length;
        public int Level;
        public int Kind;
        public int File;
        public int Padding;
    }
}

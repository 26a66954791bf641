using System.Runtime.InteropServices;

namespace Lockstep.Training;

/// <summary>How the C library's allocator, which libtorch uses, keeps memory: a step frees what the next one asks for again, and the system takes most of a page's time to clear it.</summary>
internal static partial class NativeMemory
{
    // Parameters of mallopt, from glibc's malloc.h.
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MapThreshold = -3;

    /// <summary>Bytes. Larger blocks are mapped and unmapped one by one; glibc takes no larger limit.</summary>
    private const int MostMapThreshold = 32 << 20;

    /// <summary>Bytes that a heap of a thread keeps at least: as many as one can have.</summary>
    private const int KeptHeap = 64 << 20;

    /// <summary>What is freed stays with the process, but for blocks beyond 32 MiB, unless the environment says otherwise.</summary>
    public static void Keep()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is not null || Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is not null)
        {
            return;
        }

        try
        {
            _ = SetOption(MapThreshold, MostMapThreshold);
            _ = SetOption(TrimThreshold, int.MaxValue);
            _ = SetOption(TopPad, KeptHeap);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library, which has its own ways.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int parameter, int value);
}

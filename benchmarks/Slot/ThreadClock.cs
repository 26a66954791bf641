using System.Runtime.InteropServices;

namespace Lockstep.Slot;

/// <summary>Processor time of the calling thread: what others do on the machine does not count.</summary>
internal static partial class ThreadClock
{
    private const int ThreadCpuTime = 3;

    /// <value>Microseconds.</value>
    public static double Now
    {
        get
        {
            _ = GetTime(ThreadCpuTime, out Timespec time);
            return (time.Seconds * 1e6) + (time.Nanoseconds / 1e3);
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Timespec time);

    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}

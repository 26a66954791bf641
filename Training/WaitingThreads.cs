using System.Runtime.InteropServices;

namespace Lockstep.Training;

/// <summary>How libtorch's own threads wait for the next piece of work: OpenMP's spin for milliseconds unless they are told otherwise, and take the processors from the work that they wait for.</summary>
internal static partial class WaitingThreads
{
    private const string Policy = "OMP_WAIT_POLICY";
    private const string Blocked = "PASSIVE";

    /// <summary>They block at once, unless the environment says otherwise. OpenMP looks when it is loaded: call this before libtorch is.</summary>
    public static void Block()
    {
        if (!OperatingSystem.IsWindows())
        {
            // The framework's own setter does not reach the C library, where OpenMP looks. An error leaves the threads spinning, no more.
            _ = SetVariable(Policy, Blocked, overwrite: 0);
        }
        else if (Environment.GetEnvironmentVariable(Policy) is null)
        {
            Environment.SetEnvironmentVariable(Policy, Blocked);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}

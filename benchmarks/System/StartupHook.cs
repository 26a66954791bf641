#pragma warning disable CA1050, MA0047 // The runtime looks for a class of this name without a namespace.
using Lockstep.SystemBenchmark.Runs;

/// <summary>The runtime calls this in each process of a fleet before its own code (DOTNET_STARTUP_HOOKS).</summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(AllocationAnswers.FolderName) is { Length: > 0 } folder)
        {
            AllocationAnswers.Begin(folder);
        }
    }
}

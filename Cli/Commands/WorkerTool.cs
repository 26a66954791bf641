using System.Diagnostics;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Processes;

namespace Lockstep.Cli.Commands;

/// <summary>Runs the worker's executable as a tool: it alone carries libtorch. Its output is the command's.</summary>
internal static class WorkerTool
{
    /// <summary>Runs it with a folder for data as rows: the one that all runs share, or one of its own, which is deleted at the end.</summary>
    /// <param name="request">Made for that folder.</param>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunWithCacheAsync(string name, Func<string, string> request, CancellationToken cancellation)
    {
        string? shared = DataCache.Find();
        DirectoryInfo? own = shared is null ? Directory.CreateTempSubdirectory($"lockstep-{name}-") : null;
        try
        {
            return await RunAsync(name, request(shared ?? own!.FullName), cancellation);
        }
        finally
        {
            own?.Delete(recursive: true);
        }
    }

    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(string name, string request, CancellationToken cancellation)
    {
        ServiceLocator services = ServiceLocator.Find(AppContext.BaseDirectory, Environment.GetEnvironmentVariable(ServiceLocator.OverrideName));
        ProcessStartInfo start = DotnetHost.Start(services.PathOf(Services.Worker), [name, request], []);
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = false;
        using Process process = Process.Start(start) ?? throw new FleetException("The worker's executable could not be started.");
        try
        {
            await process.WaitForExitAsync(cancellation);
            return process.ExitCode;
        }
        finally
        {
            // Ctrl-C reaches it too; it must not outlive this process.
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}

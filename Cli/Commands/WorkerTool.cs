using System.Diagnostics;
using System.Globalization;
using System.Text;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Contracts.Tools;
using Lockstep.Engine.Processes;

namespace Lockstep.Cli.Commands;

/// <summary>Runs the worker's executable as a tool: it alone carries libtorch. Its output is the command's.</summary>
internal static class WorkerTool
{
    /// <summary>Runs it with a folder for data as rows: the one that all runs share, or one of its own, which is deleted at the end.</summary>
    /// <param name="request">Made for that folder.</param>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunWithCacheAsync(ServiceLocator services, string name, Func<string, string> request, CancellationToken cancellation)
    {
        string? shared = DataCache.Find();
        DirectoryInfo? own = shared is null ? Directory.CreateTempSubdirectory($"lockstep-{name}-") : null;
        try
        {
            return await RunAsync(services, name, request(shared ?? own!.FullName), cancellation);
        }
        finally
        {
            own?.Delete(recursive: true);
        }
    }

    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(ServiceLocator services, string name, string request, CancellationToken cancellation) => (await RunAsync(services, name, request, progress: null, cancellation)).ExitCode;

    /// <summary>Runs it for what it writes to standard output.</summary>
    /// <param name="progress">Is told how far it is.</param>
    /// <exception cref="ToolRefusal">It takes the input for bad, and has said why.</exception>
    /// <exception cref="FleetException">It failed, and has said why.</exception>
    public static async Task<string> ReadAsync(ServiceLocator services, string name, string request, Action<string> progress, CancellationToken cancellation, params KeyValuePair<string, string>[] environment)
    {
        (int exitCode, string output) = await RunAsync(services, name, request, progress, cancellation, environment);
        return exitCode switch
        {
            ExitCodes.Done => output,
            ExitCodes.BadInput => throw new ToolRefusal(),
            _ => throw new FleetException($"The worker's executable ended with {exitCode} while it was to {name}."),
        };
    }

    /// <param name="progress">Null: what it writes is the command's output.</param>
    private static async Task<(int ExitCode, string Output)> RunAsync(ServiceLocator services, string name, string request, Action<string>? progress, CancellationToken cancellation, params KeyValuePair<string, string>[] environment)
    {
        ProcessStartInfo start = DotnetHost.Start(services.PathOf(Services.Worker), [name, request], [KeyValuePair.Create(EnvironmentNames.ParentProcess, Environment.ProcessId.ToString(CultureInfo.InvariantCulture)), .. environment]);
        start.RedirectStandardError = start.RedirectStandardInput = false;
        start.RedirectStandardOutput = progress is not null;
        using Process process = Process.Start(start) ?? throw new FleetException("The worker's executable could not be started.");
        try
        {
            string output = progress is not null ? await ReadAsync(process.StandardOutput, progress, cancellation) : "";
            await process.WaitForExitAsync(cancellation);
            return (process.ExitCode, output);
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

    private static async Task<string> ReadAsync(StreamReader from, Action<string> progress, CancellationToken cancellation)
    {
        var output = new StringBuilder();
        while (await from.ReadLineAsync(cancellation) is { } line)
        {
            if (ToolProgress.Find(line) is { } told)
            {
                progress(told.Progress);
            }
            else
            {
                output.AppendLine(line);
            }
        }

        return output.ToString();
    }
}

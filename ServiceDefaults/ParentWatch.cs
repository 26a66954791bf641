using System.Diagnostics;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.ServiceDefaults;

/// <summary>Stops this process when the one that launched it is gone, however it ended.</summary>
/// <param name="parent">Process id.</param>
public sealed partial class ParentWatch(string parent, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<ParentWatch> logger) : BackgroundService
{
    /// <summary>Whoever launched this launched the others too, and they stop alike: a drain has nobody left to hand its work to.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await ParentProcess.WaitGoneAsync(parent, time, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        LogParentGone(parent);
        _ = KillAsync();
        lifetime.StopApplication();
    }

    private async Task KillAsync()
    {
        await Task.Delay(Grace, time);
        using var self = Process.GetCurrentProcess();
        self.Kill();
    }

    [LoggerMessage(900, LogLevel.Warning, "The launching process {Parent} is gone; stopping")]
    private partial void LogParentGone(string parent);
}

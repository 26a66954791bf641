using System.Diagnostics;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.ServiceDefaults;

/// <summary>Stops this process when the one that launched it is gone, however it ended.</summary>
internal sealed partial class ParentWatch(string parent, Task gone, IHostApplicationLifetime lifetime, ILogger<ParentWatch> logger) : BackgroundService
{
    /// <summary>Whoever launched this launched the others too, and they stop alike: a drain has nobody left to hand its work to.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    /// <summary>Ends when the launching process is gone, and this one, however far its host has come, a little later: a host that starts may wait for a service that ended with the launcher.</summary>
    /// <param name="parent">Process id.</param>
    public static async Task BeginAsync(string parent, TimeProvider time)
    {
        await ParentProcess.WaitGoneAsync(parent, time, CancellationToken.None).ConfigureAwait(false);
        _ = KillAsync(time);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await gone.WaitAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        LogParentGone(parent);
        lifetime.StopApplication();
    }

    private static async Task KillAsync(TimeProvider time)
    {
        await Task.Delay(Grace, time).ConfigureAwait(false);
        using var self = Process.GetCurrentProcess();
        self.Kill();
    }

    [LoggerMessage(900, LogLevel.Warning, "The launching process {Parent} is gone; stopping")]
    private partial void LogParentGone(string parent);
}

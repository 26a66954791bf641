using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.ServiceDefaults;

/// <summary>Stops this process when the one that launched it is gone, however it ended.</summary>
/// <param name="parent">Process id.</param>
public sealed partial class ParentWatch(string parent, IHostApplicationLifetime lifetime, ILogger<ParentWatch> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            using var process = Process.GetProcessById(int.Parse(parent, System.Globalization.CultureInfo.InvariantCulture));
            await process.WaitForExitAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidOperationException)
        {
            // There is no such process any more, or there never was.
        }

        LogParentGone(parent);
        lifetime.StopApplication();
    }

    [LoggerMessage(1, LogLevel.Warning, "The launching process {Parent} is gone; stopping")]
    private partial void LogParentGone(string parent);
}

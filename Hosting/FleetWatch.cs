using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Client;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Hosting;

/// <summary>Is told by the scheduler what jobs and workers there are, and gives it on.</summary>
internal sealed partial class FleetWatch(SchedulerAccess scheduler, ResourceNotificationService notifications, TimeProvider time, ILogger<FleetWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>The scheduler says something every 5 s.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly Lock _gate = new();
    private TaskCompletionSource _changed = New();
    private FleetStatus? _latest;
    private bool _unreachable;

    /// <value>What there is, and what ends when that changes. Null: the scheduler gives no answer.</value>
    public (FleetStatus? Fleet, Task Changed) Now
    {
        get
        {
            lock (_gate)
            {
                return (_latest, _changed.Task);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await notifications.WaitForResourceAsync(scheduler.SchedulerName, now => now.Snapshot.HealthStatus == HealthStatus.Healthy, stoppingToken);
        while (true)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException or JsonException or InputException or OperationCanceledException && !stoppingToken.IsCancellationRequested)
            {
                if (!_unreachable)
                {
                    _unreachable = true;
                    LogUnreachable(exception.Message);
                }
            }

            Set(null);
            await Task.Delay(Pause, time, stoppingToken);
        }
    }

    private async Task ListenAsync(CancellationToken stop)
    {
        SchedulerClient client = await scheduler.ClientAsync(stop);
        using var silence = new CancellationTokenSource(Patience, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(stop, silence.Token);
        await foreach (FleetStatus fleet in client.FleetAsync(ends.Token))
        {
            silence.CancelAfter(Patience);
            _unreachable = false;
            Set(fleet);
        }
    }

    private void Set(FleetStatus? fleet)
    {
        TaskCompletionSource changed;
        lock (_gate)
        {
            if (fleet is null && _latest is null)
            {
                return;
            }

            _latest = fleet;
            (changed, _changed) = (_changed, New());
        }

        changed.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(2, LogLevel.Warning, "The scheduler does not say what workers it wants, so they stay as they are: {Problem}")]
    private partial void LogUnreachable(string problem);
}

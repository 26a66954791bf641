using System.Collections.Concurrent;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Hosting;

/// <summary>The workers of this application.</summary>
internal sealed record WorkerFleet(IReadOnlyList<IResourceBuilder<ProjectResource>> Workers, int Minimum);

/// <summary>Starts and stops the workers' resources to match what the scheduler wants.</summary>
internal sealed partial class WorkerScaler(
    WorkerFleet fleet,
    FleetWatch watch,
    ResourceNotificationService notifications,
    ResourceCommandService commands,
    TimeProvider time,
    ILogger<WorkerScaler> logger) : BackgroundService
{
    /// <summary>A worker may end by itself at any time.</summary>
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>A worker that ends by itself is not started again and again.</summary>
    private static readonly TimeSpan RestartPause = TimeSpan.FromSeconds(15);

    /// <summary>State of a resource that the orchestrator lost sight of, as it does where a stop takes too long. Aspire's own start command takes it for stopped as well.</summary>
    private const string LostState = "Unknown";

    private readonly Dictionary<int, long> _started = [];
    // Commands that are being executed, at most one a worker. A stop takes as long as the worker drains, and others start meanwhile.
    private readonly ConcurrentDictionary<int, (WorkerCondition Condition, Task Done)> _commanded = new();
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        Task<bool> tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
        while (true)
        {
            (FleetStatus? now, Task changed) = watch.Now;
            if (now is not null)
            {
                Apply(now.Wanted, stoppingToken);
            }

            if (await Task.WhenAny(changed, tick) == tick)
            {
                await tick;
                tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await Task.WhenAll(_commanded.Values.Select(command => command.Done)).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Apply(DesiredWorkers wanted, CancellationToken cancellation)
    {
        WorkerScalePlan plan = WorkerScalePlan.Decide(wanted.Desired, fleet.Minimum, [.. fleet.Workers.Select((worker, index) => new WorkerSnapshot(
            index,
            _commanded.TryGetValue(index, out var command) ? command.Condition : ConditionOf(worker.Resource),
            MayStart(index),
            wanted.Idle.Contains(worker.Resource.Name)))]);
        if (plan.Start.Count + plan.Stop.Count == 0)
        {
            return;
        }

        LogScaling(wanted.Desired, wanted.Reason, plan.Start.Count, plan.Stop.Count);
        foreach (int index in plan.Start)
        {
            _started[index] = time.GetTimestamp();
        }

        foreach (int index in plan.Start)
        {
            Begin(index, KnownResourceCommands.StartCommand, WorkerCondition.Starting, cancellation);
        }

        foreach (int index in plan.Stop)
        {
            Begin(index, KnownResourceCommands.StopCommand, WorkerCondition.Stopping, cancellation);
        }
    }

    private void Begin(int index, string command, WorkerCondition meanwhile, CancellationToken cancellation)
    {
        var entered = new TaskCompletionSource();
        _commanded[index] = (meanwhile, ExecuteAsync());
        entered.SetResult();

        async Task ExecuteAsync()
        {
            await entered.Task;
            try
            {
                ExecuteCommandResult result = await commands.ExecuteCommandAsync(fleet.Workers[index].Resource, command, cancellation);
                if (!result.Success && !result.Canceled)
                {
                    LogFailed(command, fleet.Workers[index].Resource.Name, result.Message);
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                LogFailed(command, fleet.Workers[index].Resource.Name, exception.Message);
            }
            finally
            {
                _commanded.TryRemove(index, out _);
            }
        }
    }

    private bool MayStart(int index) => !_started.TryGetValue(index, out long started) || time.GetElapsedTime(started) > RestartPause;

    private WorkerCondition ConditionOf(ProjectResource worker)
    {
        string? state = notifications.TryGetCurrentState(worker.Name, out ResourceEvent? now) ? now.Snapshot.State?.Text : null;
        if (string.IsNullOrEmpty(state))
        {
            return WorkerCondition.Unknown;
        }

        if (state == KnownResourceStates.NotStarted || state == LostState || KnownResourceStates.TerminalStates.Contains(state))
        {
            return WorkerCondition.Stopped;
        }

        if (state == KnownResourceStates.Stopping)
        {
            return WorkerCondition.Stopping;
        }

        return state == KnownResourceStates.Running || state == KnownResourceStates.RuntimeUnhealthy ? WorkerCondition.Running : WorkerCondition.Starting;
    }

    [LoggerMessage(1, LogLevel.Information, "The jobs want {Wanted} workers ({Reason}): starting {Starts}, stopping {Stops}")]
    private partial void LogScaling(int wanted, string reason, int starts, int stops);

    [LoggerMessage(3, LogLevel.Warning, "The command {Command} of {Worker} failed: {Problem}")]
    private partial void LogFailed(string command, string worker, string? problem);
}

using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.AppHost;

/// <summary>The workers of this application and whom to ask how many there shall be.</summary>
internal sealed record WorkerFleet(
    IResourceBuilder<ProjectResource> Scheduler,
    IResourceBuilder<ParameterResource> ApiKey,
    IReadOnlyList<IResourceBuilder<ProjectResource>> Workers,
    int Minimum);

/// <summary>Asks the scheduler how many workers the jobs want, and starts and stops the workers' resources to match.</summary>
internal sealed partial class WorkerScaler(
    WorkerFleet fleet,
    ResourceNotificationService notifications,
    ResourceCommandService commands,
    IHttpClientFactory clients,
    TimeProvider time,
    ILogger<WorkerScaler> logger) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>A worker that ends by itself is not started again and again.</summary>
    private static readonly TimeSpan RestartPause = TimeSpan.FromSeconds(15);

    /// <summary>State of a resource that the orchestrator lost sight of, as it does where a stop takes too long. Aspire's own start command takes it for stopped as well.</summary>
    private const string LostState = "Unknown";

    private readonly Dictionary<int, long> _started = [];
    // Commands that are being executed, at most one a worker. A stop takes as long as the worker drains, and others start meanwhile.
    private readonly ConcurrentDictionary<int, (WorkerCondition Condition, Task Done)> _commanded = new();
    private bool _unreachable;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await notifications.WaitForResourceAsync(fleet.Scheduler.Resource.Name, scheduler => scheduler.Snapshot.HealthStatus == HealthStatus.Healthy, stoppingToken);
        using HttpClient client = clients.CreateClient(nameof(WorkerScaler));
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            if (await AskAsync(client, stoppingToken) is { } wanted)
            {
                Apply(wanted, stoppingToken);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await Task.WhenAll(_commanded.Values.Select(command => command.Done)).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <returns>Null: the scheduler gave no answer; the workers stay as they are.</returns>
    private async Task<DesiredWorkers?> AskAsync(HttpClient client, CancellationToken cancellation)
    {
        try
        {
            string url = await fleet.Scheduler.GetEndpoint(EndpointNames.Http).GetValueAsync(cancellation) ?? throw new HttpRequestException("The scheduler has no address.");
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(new Uri(url), SchedulerRoutes.DesiredWorkers));
            request.Headers.Add(SchedulerHeaders.ApiKey, await fleet.ApiKey.Resource.GetValueAsync(cancellation));
            using HttpResponseMessage answer = await client.SendAsync(request, cancellation);
            answer.EnsureSuccessStatusCode();
            DesiredWorkers? wanted = await answer.Content.ReadFromJsonAsync<DesiredWorkers>(cancellation);
            _unreachable = false;
            return wanted;
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException or TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            if (!_unreachable)
            {
                _unreachable = true;
                LogUnreachable(exception.Message);
            }

            return null;
        }
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

    [LoggerMessage(2, LogLevel.Warning, "The scheduler does not say how many workers it wants, so they stay as they are: {Problem}")]
    private partial void LogUnreachable(string problem);

    [LoggerMessage(3, LogLevel.Warning, "The command {Command} of {Worker} failed: {Problem}")]
    private partial void LogFailed(string command, string worker, string? problem);
}

internal static class WorkerScalerExtensions
{
    /// <summary>Lets the number of workers follow the scheduler while the application runs.</summary>
    public static void AddWorkerScaler(this IDistributedApplicationBuilder builder, WorkerFleet fleet)
    {
        // It asks every second: the client's own log lines, four a question, would bury what else the application host says.
        builder.Services.AddHttpClient(nameof(WorkerScaler)).RemoveAllLoggers();
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<WorkerScaler>(services, fleet));
    }
}

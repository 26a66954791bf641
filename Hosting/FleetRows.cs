using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Hosting;

/// <summary>Shows jobs as resources below the scheduler and, with each worker, what it works on; says when a job begins and ends.</summary>
internal sealed partial class FleetRows(
    WorkerFleet workers, FleetWatch watch, SchedulerAccess scheduler, ResourceNotificationService notifications, IInteractionService interactions, IConfiguration configuration, TimeProvider time, ILogger<FleetRows> logger) : BackgroundService
{
    // By job; as many as the scheduler keeps.
    private readonly Dictionary<string, JobRow> _rows = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _works = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        IReadOnlyList<(string, string)> urls = Urls();
        while (true)
        {
            (FleetStatus? now, Task changed) = watch.Now;
            if (now is not null)
            {
                foreach (FleetJob job in now.Jobs)
                {
                    await ShowAsync(job, urls, stoppingToken);
                }

                foreach (string gone in _rows.Keys.Except(now.Jobs.Select(j => j.Status.JobId), StringComparer.Ordinal).ToArray())
                {
                    _rows.Remove(gone, out JobRow? row);
                    await notifications.PublishUpdateAsync(row!.Resource, gone, snapshot => snapshot with { IsHidden = true });
                }

                foreach (IResourceBuilder<ProjectResource> worker in workers.Workers)
                {
                    await ShowAsync(worker.Resource, now);
                }
            }

            await changed.WaitAsync(stoppingToken);
        }
    }

    private string SchedulerId => notifications.TryGetCurrentState(scheduler.SchedulerName, out ResourceEvent? now) ? now.ResourceId : scheduler.SchedulerName;

    private async Task ShowAsync(FleetJob job, IReadOnlyList<(string, string)> urls, CancellationToken stop)
    {
        string id = job.Status.JobId;
        if (!_rows.TryGetValue(id, out JobRow? row))
        {
            _rows[id] = row = new JobRow(id, time);
        }

        JobState? before = row.State;
        await notifications.PublishUpdateAsync(row.Resource, id, row.Show(job, (scheduler.SchedulerName, SchedulerId), urls));
        if (before == job.Status.State)
        {
            return;
        }

        LogJob(id, JobWords.Of(job.Status.State), job.Status.Step, job.Status.Error is { } error ? $": {error}" : "");
        if (before is not null && job.Status.State.IsOver() && interactions.IsAvailable)
        {
            // Ends when a person closes it.
            _ = interactions.PromptNotificationAsync(
                $"{id} is {JobWords.Of(job.Status.State)}",
                job.Status.Error ?? $"{job.Status.Step} steps. Run folder: {job.RunDirectory}",
                new NotificationInteractionOptions { Intent = job.Status.State == JobState.Failed ? MessageIntent.Error : MessageIntent.Success },
                stop).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private async Task ShowAsync(ProjectResource worker, FleetStatus now)
    {
        WorkerStatus? status = now.Workers.FirstOrDefault(w => w.WorkerId == worker.Name);
        string works = status switch
        {
            null => "",
            { Draining: true } => "hands in what it has in hand",
            { JobId: null } => "no job",
            { JobId: { } job } => job,
        };
        string step = now.Jobs.FirstOrDefault(j => j.Status.JobId == status?.JobId)?.Status is { } on ? FormattableString.Invariant($"{on.Step} of {on.TotalSteps}") : "";
        if (_works.GetValueOrDefault(worker.Name) == works + step)
        {
            return;
        }

        _works[worker.Name] = works + step;
        await notifications.PublishUpdateAsync(worker, snapshot => snapshot with
        {
            Properties =
            [
                .. snapshot.Properties.Where(p => p.Name is not (WorkerProperties.Job or WorkerProperties.Step)),
                new(WorkerProperties.Job, works) { DisplayName = "Job", IsHighlighted = true, SortOrder = 1 },
                new(WorkerProperties.Step, step) { DisplayName = "Step", IsHighlighted = true, SortOrder = 2 },
            ],
        });
    }

    /// <summary>Pages of the dashboard that go with any job.</summary>
    private IReadOnlyList<(string, string)> Urls()
    {
        if (configuration["ASPNETCORE_URLS"]?.Split(';') is not [{ Length: > 0 } dashboard, ..])
        {
            return [];
        }

        string Page(string instrument) => $"{dashboard.TrimEnd('/')}/metrics/resource/{scheduler.SchedulerName}?meter=Lockstep.Scheduler&instrument={instrument}&view=Graph";
        return [("Sync latency", Page("lockstep.scheduler.sync.duration")), ("Workers", Page("lockstep.scheduler.workers.active"))];
    }

    [LoggerMessage(1, LogLevel.Information, "Job {JobId} is {State} at step {Step}{Error}")]
    private partial void LogJob(string jobId, string state, long step, string error);
}

/// <summary>What a worker's resource shows beside what Aspire does.</summary>
internal static class WorkerProperties
{
    public const string Job = "lockstep.worker.job";
    public const string Step = "lockstep.worker.step";
}

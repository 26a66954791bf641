using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Jobs;

namespace Lockstep.Scheduler.Telemetry;

/// <summary>What happens to jobs and workers, as metrics and spans.</summary>
internal sealed class SchedulerTelemetry(SchedulerMetrics metrics, SchedulerSpans spans, TimeProvider time)
{
    private readonly ScaleUpClock _scaleUp = new(time);
    private readonly QueueClock _queue = new(time);

    /// <summary>Whom metrics ask when they are read.</summary>
    /// <param name="jobs">Those that are not over.</param>
    public void Observe(Func<WorkerCounts> workers, Func<IEnumerable<ScheduledJob>> jobs)
    {
        metrics.WorkersNow = workers;
        metrics.JobsNow = () => [.. jobs().Select(j => new JobGauge(j.Id, j.State, j.Spec.Slots, j.Workers, _queue.Waited(j.Id)))];
    }

    public void Began(ScheduledJob job)
    {
        job.Noted = note => spans.Happened(job.Id, "change", note);
        if (!job.IsOver)
        {
            spans.Began(job.Id, job.State);
        }
    }

    public void Ended(ScheduledJob job, JobState state, string? error)
    {
        spans.Ended(job.Id, state, error);
        job.Time.Close();
        metrics.Spent(job.Id, job.Time.Take().Times);
        metrics.Forget(job.Id);
    }

    /// <summary>Another scheduler is in charge of all jobs.</summary>
    public void StoodDown()
    {
        spans.StoodDown();
        _queue.Update([]);
    }

    /// <summary>Which jobs there are now; told when something changes and at least each second.</summary>
    public void Staffed(IReadOnlyList<ScheduledJob> open)
    {
        _queue.Update(open.Where(j => j.State is JobState.Queued or JobState.Waiting).Select(j => j.Id));
        foreach (ScheduledJob job in open)
        {
            metrics.Spent(job.Id, job.Time.Take().Times);
        }
    }

    /// <summary>Another number of workers is desired.</summary>
    public void Scaled(int from, int to, ScalingReason kind, string reason)
    {
        metrics.Decided(from, to, kind);
        SchedulerSpans.Scaled(from, to, reason);
        _scaleUp.Decided(from, to);
    }

    /// <returns>Whose pace is now another.</returns>
    public IReadOnlyList<PaceChange> Stepped(ScheduledJob job, StepReport report, StepRecord step)
    {
        IReadOnlyList<PaceChange> paces = metrics.Stepped(job.Id, step.StepMs, step.SyncMs, step.Samples, report.SlotMs);
        metrics.Granted(report);
        spans.Stepped(job.Id, report, step);
        foreach (string worker in step.SlotsByWorker.Keys)
        {
            if (_scaleUp.Contributed(worker) is { } delay)
            {
                metrics.Useful(delay);
                spans.Happened(job.Id, "useful", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{worker}, {delay.TotalSeconds:0.000} s after the decision"));
            }
        }

        return paces;
    }

    public void Left(string workerId) => _scaleUp.Left(workerId);
}

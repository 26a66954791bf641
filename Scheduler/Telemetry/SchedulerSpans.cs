using System.Collections.Concurrent;
using System.Diagnostics;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.ServiceDefaults.Telemetry;

namespace Lockstep.Scheduler.Telemetry;

/// <summary>The scheduler's spans: one a job, from submission to end, with what happens to it as events; one for each change of the desired workers; and its part of each traced step.</summary>
internal sealed class SchedulerSpans(StepTrace trace, TimeProvider time)
{
    public const string SourceName = "Lockstep.Scheduler";

    private static readonly ActivitySource Source = new(SourceName);

    // Of jobs that are not over.
    private readonly ConcurrentDictionary<string, Activity> _jobs = new(StringComparer.Ordinal);

    /// <summary>A job was taken on; by this scheduler, or by the one before.</summary>
    public void Began(string jobId, JobState state)
    {
        // A trace of its own, which outlives the request that asked for it.
        Activity? caller = Activity.Current;
        Activity.Current = null;
        try
        {
            IEnumerable<ActivityLink>? links = caller is null ? null : [new ActivityLink(caller.Context)];
            Activity? job = Source.StartActivity(ActivityKind.Internal, links: links, name: "job");
            job?.SetTag(SpanNames.Job, jobId).SetTag("lockstep.job.state", state.ToString());
            if (job is not null && !_jobs.TryAdd(jobId, job))
            {
                job.Dispose();
            }
        }
        finally
        {
            Activity.Current = caller;
        }
    }

    /// <summary>Something happened to a job.</summary>
    public void Happened(string jobId, string what, string reason)
    {
        if (_jobs.TryGetValue(jobId, out Activity? job))
        {
            job.AddEvent(new ActivityEvent(what, time.GetUtcNow(), new ActivityTagsCollection { [SpanNames.Reason] = reason }));
        }
    }

    public void Ended(string jobId, JobState state, string? error)
    {
        if (_jobs.TryRemove(jobId, out Activity? job))
        {
            job.SetTag("lockstep.job.state", state.ToString());
            job.SetStatus(state == JobState.Failed ? ActivityStatusCode.Error : ActivityStatusCode.Ok, error);
            job.Dispose();
        }
    }

    /// <summary>Another scheduler is in charge, and has spans of its own.</summary>
    public void StoodDown()
    {
        foreach (string jobId in _jobs.Keys)
        {
            Happened(jobId, "change", "another scheduler took over");
            if (_jobs.TryRemove(jobId, out Activity? job))
            {
                job.Dispose();
            }
        }
    }

    /// <summary>Another number of workers is desired.</summary>
    public static void Scaled(int from, int to, string reason)
    {
        using Activity? scaling = Source.StartActivity("scaling");
        scaling?.SetTag("lockstep.workers.before", from).SetTag("lockstep.workers.desired", to).SetTag(SpanNames.Reason, reason);
    }

    /// <summary>A step is recorded: the scheduler's part of its trace, from the report before to this one.</summary>
    public void Stepped(string jobId, StepReport report, StepRecord record)
    {
        if (!trace.Includes(report.Cursor.Step))
        {
            return;
        }

        using Activity? step = trace.Begin(Source, "step recorded", jobId, report.Cursor.Step, time.GetUtcNow() - TimeSpan.FromMilliseconds(record.StepMs));
        step?.SetTag(SpanNames.Cursor, report.Cursor.ToString())
            .SetTag("lockstep.workers", record.SlotsByWorker.Count)
            .SetTag("lockstep.samples", record.Samples)
            .SetTag("lockstep.loss", record.Loss);
    }
}

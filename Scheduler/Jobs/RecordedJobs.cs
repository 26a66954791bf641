using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>The jobs' records in Redis as a whole: read when a term begins, written again where Redis lost them.</summary>
internal sealed class RecordedJobs(JobList jobs, Lifecycles lifecycles, JobRules rules, JobStore store, WantedWorkers wanted, ShardCloser closer, Fleet fleet, Scaler scaler, IConfiguration configuration, TimeProvider time, ILogger<RecordedJobs> logger)
{
    /// <summary>Takes on the jobs that the schedulers before recorded.</summary>
    public async Task LoadAsync(CancellationToken cancellation)
    {
        int shards = ShardClients.Count(configuration);
        IReadOnlyList<JobRecord> all = await store.ListAsync(cancellation);
        // Before anything that a record names is looked at.
        (JobRecord Record, string? Reason)[] judged = [.. all.Select(record => (record, rules.ReasonToRefuse(record)))];
        (JobRecord Record, bool IsRelaid)[] taken = [.. judged.Where(j => j.Reason is null).Select(j => Relayout.Of(j.Record, shards) is { } relaid ? (relaid, true) : (j.Record, false))];
        foreach ((JobRecord record, bool isRelaid) in taken)
        {
            await TakeAsync(record, isRelaid, shards, cancellation);
        }

        foreach ((JobRecord record, string? reason) in judged.Where(j => j.Reason is not null))
        {
            await RefuseAsync(record, reason!, cancellation);
        }

        if (taken.Any(job => job.IsRelaid))
        {
            // All of them, so that their order stays.
            foreach ((JobRecord record, _) in taken)
            {
                await store.PutAsync(record, cancellation);
            }
        }
    }

    /// <summary>Writes all records again: Redis lost them.</summary>
    public async Task RewriteAsync(CancellationToken cancellation)
    {
        ScheduledJob[] known = [.. jobs.InOrder];
        foreach (ScheduledJob job in known)
        {
            await store.PutAsync(new JobRecord(job.Request, job.State, job.Error, job.Progress, job.Cause), cancellation);
            if (!job.IsOver)
            {
                job.Append("Redis had lost everything; the job's record was written again");
            }
        }

        await wanted.PublishAsync(scaler.Last.Desired, cancellation);
        await wanted.AskAsync(scaler.Asked, cancellation);
        await wanted.RememberAsync(scaler.Memory.ToJson(), cancellation);
        await store.RewrittenAsync(cancellation);
        logger.Rewritten(known.Length);
    }

    private async Task TakeAsync(JobRecord record, bool isRelaid, int shards, CancellationToken cancellation)
    {
        try
        {
            var job = new ScheduledJob(record with { Progress = Newest(record, isRelaid) }, await store.TermAsync(cancellation), fleet, time) { IsRelaid = isRelaid };
            if (isRelaid)
            {
                // Parameter servers that stayed up are those of the layout before.
                await closer.CloseAsync(job, cancellation);
            }

            lifecycles.TryBegin(job, resumes: !isRelaid && IsUnderWay(job.State));
            if (isRelaid)
            {
                string note = FormattableString.Invariant($"parameter servers: {shards}, fewer than the job had; it goes on with those from step {job.Request.ResumeStep ?? 0}");
                logger.Noted(job.Id, note);
                job.Append(note);
            }
        }
        catch (InputException exception)
        {
            logger.Unreadable(exception, record.Request.JobId);
        }
    }

    /// <summary>A record that names what no caller of the API may, of a scheduler with other roots or of somebody else, is a job that failed.</summary>
    private async Task RefuseAsync(JobRecord record, string reason, CancellationToken cancellation)
    {
        try
        {
            var job = new ScheduledJob(record, await store.TermAsync(cancellation), fleet, time);
            if (lifecycles.TryBegin(job, resumes: false))
            {
                await job.TellAsync(new JobMessage.End(JobState.Failed, reason, FailureCause.Input));
            }
        }
        catch (InputException exception)
        {
            logger.Unreadable(exception, record.Request.JobId);
        }
    }

    /// <summary>How far a job is that was recorded: its ledger is newer than what is kept now and then.</summary>
    private static JobProgress Newest(JobRecord record, bool isRelaid)
    {
        string ledger = new RunFolder(record.Request.RunDirectory).Ledger;
        if (isRelaid || !IsUnderWay(record.State))
        {
            return record.Progress;
        }

        try
        {
            // The last one may be torn.
            LedgerLine? newest = File.Exists(ledger) ? File.ReadLines(ledger).TakeLast(2).Select(LedgerLine.TryFromJson).LastOrDefault(line => line is not null) : null;
            return record.Progress with { Step = Math.Max(record.Progress.Step, newest?.Step ?? 0) };
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return record.Progress;
        }
    }

    private static bool IsUnderWay(JobState state) => state is JobState.Checking or JobState.Running or JobState.Waiting or JobState.Paused;
}

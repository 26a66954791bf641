using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Coordination;
using Lockstep.Scheduler.Scaling;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Being in charge: one scheduler at a time is, for a term.</summary>
internal sealed partial class JobManager
{
    /// <summary>How often the number of workers is thought over when nothing happens.</summary>
    private static readonly TimeSpan ScalingInterval = TimeSpan.FromSeconds(1);

    /// <summary>How often what the scaling policy measured is kept for the next scheduler.</summary>
    private static readonly TimeSpan MemoryInterval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        telemetry.Observe(() => fleet.Counts(scaler.Last.Desired), () => Open.Select(job => (job, fleet.CountOf(job.Id))));
        while (true)
        {
            using var term = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            _stopping = term.Token;
            await LeadAsync(stoppingToken);
            // Another scheduler is in charge: nothing here goes on until that one is gone.
            IsReady = false;
            await term.CancelAsync();
            store.EndTerm();
            telemetry.StoodDown();
            _jobs.Clear();
            _followers.Clear();
            LogStandsBy();
            await store.WaitVacantAsync(time, stoppingToken);
        }
    }

    /// <summary>Is in charge until another scheduler takes over.</summary>
    private async Task LeadAsync(CancellationToken stop)
    {
        await store.BeginTermAsync(stop);
        _isPublished = false;
        scaler.Scale(await wanted.AskedAsync(stop));
        scaler.Recall(ScalingMemory.FromJson(await wanted.RecallAsync(stop)));
        await LoadAsync(stop);
        IsReady = true;
        using var timer = new PeriodicTimer(ScalingInterval, time);
        do
        {
            switch (await store.HoldAsync(stop))
            {
                case TermStatus.Superseded:
                    return;
                case TermStatus.Forgotten:
                    await RewriteAsync(stop);
                    break;
            }

            try
            {
                await StaffAsync();
            }
            catch (InvalidOperationException exception)
            {
                LogRefused(exception);
            }
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    private async Task LoadAsync(CancellationToken cancellation)
    {
        foreach (JobRecord record in await store.ListAsync(cancellation))
        {
            try
            {
                var job = new JobRun(record, await store.TermAsync(cancellation), time);
                if (Add(job) && job.State is JobState.Running or JobState.Waiting or JobState.Paused)
                {
                    Follow(job, resumed: true);
                }
            }
            catch (InputException exception)
            {
                LogUnreadable(exception, record.Request.JobId);
            }
        }
    }

    /// <summary>Redis was emptied: what this scheduler knows is written down again, and the shards know the rest.</summary>
    private async Task RewriteAsync(CancellationToken cancellation)
    {
        JobRun[] jobs = [.. InOrder];
        foreach (JobRun job in jobs)
        {
            await store.PutAsync(new JobRecord(job.Request, job.State, job.Error, job.Progress), cancellation);
            if (!job.IsOver)
            {
                job.Append(fleet.CountOf(job.Id), null, "Redis had lost everything; the job's record was written again");
            }
        }

        await wanted.PublishAsync(scaler.Last.Desired, cancellation);
        await wanted.AskAsync(scaler.Asked, cancellation);
        await wanted.RememberAsync(scaler.Memory.ToJson(), cancellation);
        await store.RewrittenAsync(cancellation);
        LogRewritten(jobs.Length);
    }
}

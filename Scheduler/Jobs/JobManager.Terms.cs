using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Being in charge: one scheduler at a time is, for a term.</summary>
internal sealed partial class JobManager
{
    /// <summary>How often the number of workers is thought over when nothing happens.</summary>
    private static readonly TimeSpan ScalingInterval = TimeSpan.FromSeconds(1);

    /// <summary>How often what changes all the time is kept for the next scheduler.</summary>
    private static readonly TimeSpan MemoryInterval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        Task watch = new RedisWatch(redis, time, TellOfRedis).RunAsync(over.Token);
        try
        {
            await TakeTermsAsync(stoppingToken);
        }
        finally
        {
            await over.CancelAsync();
            await watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TakeTermsAsync(CancellationToken stoppingToken)
    {
        telemetry.Observe(() => fleet.Counts(scaler.Last.Desired), () => Open.Select(job => (job, fleet.CountOf(job.Id))));
        while (true)
        {
            using var term = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            _stopping = term.Token;
            await LeadAsync(stoppingToken);
            // Another scheduler is in charge: nothing here goes on until that one is gone.
            (IsReady, StandsBy) = (false, true);
            await term.CancelAsync();
            store.EndTerm();
            telemetry.StoodDown();
            _jobs.Clear();
            _followers.Clear();
            LogStandsBy();
            await store.WaitVacantAsync(time, stoppingToken);
        }
    }

    private void TellOfRedis(string note)
    {
        LogRedis(note);
        foreach (JobRun job in Open)
        {
            job.Append(fleet.CountOf(job.Id), null, note);
        }
    }

    /// <summary>Is in charge until another scheduler takes over.</summary>
    private async Task LeadAsync(CancellationToken stop)
    {
        await WaitFitAsync(stop);
        await store.BeginTermAsync(stop);
        _isPublished = false;
        scaler.Scale(await wanted.AskedAsync(stop));
        scaler.Recall(ScalingMemory.FromJson(await wanted.RecallAsync(stop)));
        await LoadAsync(stop);
        if (StandsBy)
        {
            LogTookOver();
        }

        (IsReady, StandsBy) = (true, false);
        _loaded.TrySetResult();
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
                // The scheduler before may have ended what workers of this one worked on.
                fleet.ReleaseWhere(jobId => Find(jobId) is not { IsOver: false });
                await StaffAsync();
                await RememberAsync(stop);
            }
            catch (InvalidOperationException exception)
            {
                LogRefused(exception);
            }
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    /// <summary>One that knows fewer parameter servers than a job has is of a fleet that started again with fewer, or is set up wrongly. Where another scheduler is there, it is the latter, and the job is left to that one.</summary>
    private async Task WaitFitAsync(CancellationToken stop)
    {
        int shards = ShardClients.Count(configuration);
        if ((await store.ListAsync(stop)).FirstOrDefault(record => Relayout.Lacks(record, shards)) is { } job)
        {
            // Nobody else: the records of a fleet that was here before.
            if (await store.IsVacantAsync(stop))
            {
                return;
            }

            StandsBy = true;
            LogUnfit(shards, job.Request.JobId, EnvironmentNames.ShardGrpc(shards));
            await store.WaitVacantAsync(time, stop);
        }
    }

    /// <summary>Keeps, now and then, what changes all the time and the next scheduler goes on from: what the policy measured, and how far the jobs are.</summary>
    private async Task RememberAsync(CancellationToken cancellation)
    {
        JobRun[] running = [.. Open.Where(j => j.State == JobState.Running)];
        if (running.Length == 0 || time.GetElapsedTime(_remembered) < MemoryInterval)
        {
            return;
        }

        _remembered = time.GetTimestamp();
        await wanted.RememberAsync(scaler.Memory.ToJson(), cancellation);
        foreach (JobRun job in running)
        {
            await store.SetProgressAsync(job.Id, job.Progress, cancellation);
        }
    }

    private async Task LoadAsync(CancellationToken cancellation)
    {
        int shards = ShardClients.Count(configuration);
        IReadOnlyList<JobRecord> all = await store.ListAsync(cancellation);
        // Before anything that a record names is looked at.
        (JobRecord Record, string Reason)[] refused = [.. all.Select(record => (record, rules.ReasonToRefuse(record))).Where(r => r.Item2 is not null).Select(r => (r.record, r.Item2!))];
        JobRecord[] records = [.. all.Except(refused.Select(r => r.Record))];
        (JobRecord Record, bool IsRelaid)[] jobs = [.. records.Select(record => Relayout.Of(record, shards) is { } relaid ? (relaid, true) : (record, false))];
        foreach ((JobRecord record, bool isRelaid) in jobs)
        {
            try
            {
                var job = new JobRun(record with { Progress = Newest(record, isRelaid) }, await store.TermAsync(cancellation), time) { IsRelaid = isRelaid };
                if (isRelaid)
                {
                    // Parameter servers that stayed up are those of the layout before.
                    await CloseAsync(job);
                }

                if (Add(job) && !isRelaid && job.State is JobState.Checking or JobState.Running or JobState.Waiting or JobState.Paused)
                {
                    Follow(job, resumed: true);
                }

                if (isRelaid)
                {
                    string note = FormattableString.Invariant($"parameter servers: {shards}, fewer than the job had; it goes on with those from step {job.Request.ResumeStep ?? 0}");
                    LogNote(job.Id, note);
                    job.Append(0, null, note);
                }
            }
            catch (InputException exception)
            {
                LogUnreadable(exception, record.Request.JobId);
            }
        }

        foreach ((JobRecord record, string reason) in refused)
        {
            await RefuseAsync(record, reason, cancellation);
        }

        if (jobs.Any(job => job.IsRelaid))
        {
            // All of them, so that their order stays.
            foreach ((JobRecord record, _) in jobs)
            {
                await store.PutAsync(record, cancellation);
            }
        }
    }

    /// <summary>A record that names what no caller of the API may, of a scheduler with other roots or of somebody else, is a job that failed.</summary>
    private async Task RefuseAsync(JobRecord record, string reason, CancellationToken cancellation)
    {
        try
        {
            var job = new JobRun(record, await store.TermAsync(cancellation), time);
            if (Add(job))
            {
                await EndAsync(job, JobState.Failed, JobStatus.BadInput + reason);
            }
        }
        catch (InputException exception)
        {
            LogUnreadable(exception, record.Request.JobId);
        }
    }

    /// <summary>How far a job is that was recorded: its ledger is newer than what is kept now and then.</summary>
    private static JobProgress Newest(JobRecord record, bool isRelaid)
    {
        string ledger = new RunFolder(record.Request.RunDirectory).Ledger;
        if (isRelaid || record.State is not (JobState.Checking or JobState.Running or JobState.Waiting or JobState.Paused))
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

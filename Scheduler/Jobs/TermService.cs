using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Takes charge, holds it, and stands by while another scheduler is in charge.</summary>
internal sealed class TermService(Term term, JobList jobs, RecordedJobs records, Staffing staffing, JobStore store, WantedWorkers wanted, IConnectionMultiplexer redis, Fleet fleet, Scaler scaler, SchedulerTelemetry telemetry, IConfiguration configuration, TimeProvider time, ILogger<TermService> logger) : BackgroundService
{
    /// <summary>How often the number of workers is thought over when nothing happens.</summary>
    private static readonly TimeSpan ScalingInterval = TimeSpan.FromSeconds(1);

    /// <summary>How often what changes all the time is kept for the next scheduler.</summary>
    private static readonly TimeSpan MemoryInterval = TimeSpan.FromSeconds(5);

    private long _remembered;

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

    private async Task TakeTermsAsync(CancellationToken stop)
    {
        telemetry.Observe(() => fleet.Counts(scaler.Last.Desired), () => jobs.Open);
        while (true)
        {
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(stop);
            term.Begin(ends.Token);
            await LeadAsync(stop);
            // Another scheduler is in charge: nothing here goes on until that one is gone.
            term.StandBy();
            await ends.CancelAsync();
            store.EndTerm();
            telemetry.StoodDown();
            jobs.Clear();
            logger.StandsBy();
            await store.WaitVacantAsync(time, stop);
        }
    }

    private void TellOfRedis(string note)
    {
        logger.OfRedis(note);
        foreach (ScheduledJob job in jobs.Open)
        {
            job.Append(note);
        }
    }

    /// <summary>Is in charge until another scheduler takes over.</summary>
    private async Task LeadAsync(CancellationToken stop)
    {
        await WaitFitAsync(stop);
        await store.BeginTermAsync(stop);
        staffing.BeginTerm();
        scaler.Scale(await wanted.AskedAsync(stop));
        scaler.Recall(ScalingMemory.FromJson(await wanted.RecallAsync(stop)));
        await records.LoadAsync(stop);
        if (term.StandsBy)
        {
            logger.TookOver();
        }

        term.Lead();
        using var timer = new PeriodicTimer(ScalingInterval, time);
        do
        {
            switch (await store.HoldAsync(stop))
            {
                case TermStatus.Superseded:
                    return;
                case TermStatus.Forgotten:
                    await records.RewriteAsync(stop);
                    break;
            }

            try
            {
                // The scheduler before may have ended what workers of this one worked on.
                fleet.ReleaseWhere(jobId => jobs.Find(jobId) is not { IsOver: false });
                await staffing.RunAsync();
                await RememberAsync(stop);
            }
            catch (InvalidOperationException exception)
            {
                logger.Refused(exception);
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

            term.StandBy();
            logger.Unfit(shards, job.Request.JobId, EnvironmentNames.ShardGrpc(shards));
            await store.WaitVacantAsync(time, stop);
        }
    }

    /// <summary>Keeps, now and then, what changes all the time and the next scheduler goes on from: what the policy measured, and how far the jobs are.</summary>
    private async Task RememberAsync(CancellationToken cancellation)
    {
        ScheduledJob[] running = [.. jobs.Open.Where(j => j.State == JobState.Running)];
        if (running.Length == 0 || time.GetElapsedTime(_remembered) < MemoryInterval)
        {
            return;
        }

        _remembered = time.GetTimestamp();
        await wanted.RememberAsync(scaler.Memory.ToJson(), cancellation);
        foreach (ScheduledJob job in running)
        {
            await store.SetProgressAsync(job.Id, job.Progress, cancellation);
        }
    }
}

using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Transport;
using Lockstep.Transport.Grpc;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Follows what the first shard reports of one job, and records it.</summary>
internal sealed partial class JobRecorder(ScheduledJob job, Scaler scaler, JobStore store, SchedulerTelemetry telemetry, IConfiguration configuration, TimeProvider time, ILogger<JobRecorder> logger)
{
    /// <summary>A ps-0 that dies together with a worker keeps nobody waiting.</summary>
    private static readonly TimeSpan InHandPatience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan ReopenPause = TimeSpan.FromMilliseconds(50);

    private readonly CheckpointWatch _checkpoints = new();
    private readonly KeptDescriptor _kept = new(job);
    private JobDescriptor? _descriptor;
    private RunWriter? _writer;
    private bool _isMismatchTold;
    private volatile IShardFeed? _first;
    private volatile ShardSupervisor? _supervisor;

    /// <summary>Follows the job to its end.</summary>
    /// <param name="resumed">A scheduler before has recorded part of it.</param>
    public async Task RunAsync(bool resumed, CancellationToken cancellation)
    {
        IReadOnlyList<GrpcShardClient> shards = ShardClients.FromConfiguration(configuration, job.Spec.Shards, time, logger);
        try
        {
            _first = shards[0];
            // Before anybody can open the job anew.
            long? kept = resumed ? CheckpointSet.List(job.Folder.Checkpoints).LastOrDefault() : null;
            _descriptor = await WaitOpenedAsync(shards, resumed, cancellation);
            await job.TellAsync(new JobMessage.Opened(_descriptor.DeterminismClass)).WaitAsync(cancellation);
            _writer = await RecordAsync(_descriptor, resumed, cancellation);
            job.Progress = new JobProgress(Math.Max(job.Step, _writer.Steps), _descriptor.TotalSteps, _descriptor.StepsPerEpoch);
            _ = job.TellAsync(new JobMessage.Begun());
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            _supervisor = new ShardSupervisor(job, kept, _descriptor, shards, store, time, logger);
            Task supervise = _supervisor.RunAsync(stop.Token);
            Task watch = WatchAsync(shards[0], stop.Token);
            Task first = await Task.WhenAny(supervise, watch);
            await stop.CancelAsync();
            await Task.WhenAll(supervise, watch).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await first;
        }
        finally
        {
            foreach (IShardConnection shard in shards)
            {
                await shard.DisposeAsync();
            }
        }
    }

    /// <summary>Looks at the shards without waiting: the job's state changed.</summary>
    public void LookSoon() => _supervisor?.LookSoon();

    /// <summary>Writes what the run came to; nothing where it never began. After <see cref="RunAsync"/> has ended.</summary>
    public void Finish(Contracts.Services.JobState state, string? error)
    {
        using (_writer)
        {
            _writer?.Finish(state, error, _descriptor);
        }
    }

    /// <summary>What a worker that left had in hand; null: nothing, or ps-0 does not say so soon.</summary>
    public async Task<AbandonedSlots?> InHandAsync(string workerId, CancellationToken cancellation)
    {
        if (_first is not { } first)
        {
            return null;
        }

        using var patience = new CancellationTokenSource(InHandPatience, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellation);
        try
        {
            return await first.InHandAsync(job.Id, workerId, stop.Token);
        }
        catch (Exception exception) when (exception is ProtocolException or InvalidOperationException or ObjectDisposedException || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>Takes the records over, from a scheduler before too that may not know yet that it is not in charge any more.</summary>
    private async Task<RunWriter> RecordAsync(JobDescriptor descriptor, bool resumed, CancellationToken cancellation)
    {
        using IDisposable held = await RecordsLock.TakeAsync(job.Folder, time, cancellation);
        if (await store.HoldAsync(cancellation) == TermStatus.Superseded)
        {
            // It is this one: it is about to be told so, and leaves the records to the other.
            await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellation);
        }

        return new RunWriter(job.Folder, job.Spec, descriptor, resumed ? null : descriptor.ResumeStep ?? 0, job.Time, time);
    }

    private void Take(StepReport report)
    {
        job.Barrier.Open();
        long repeated = _writer!.Repeated;
        int warned = _writer.Warnings.Count;
        RunRecord? record = _writer.Add(report, job.Workers, job.WantedWorkers);
        string? change = record is null ? null : _writer.TakeChange();
        if (record is not null || _writer.Repeated > repeated)
        {
            job.Moved();
        }

        if (_writer.Contradiction is { } other)
        {
            LogContradicted(job.Id, report.Cursor);
            throw new ProtocolException(ProtocolError.Conflict, $"Job {job.Id}: step {other.Step} gives {other.Computed}, and {job.Folder.Ledger} has {other.Written}. That line was altered, the data or the machine are not what they were, or the model is not deterministic. The file was left as it is; 'lockstep verify' tells whether it is right.");
        }

        foreach (string said in new[] { change, _checkpoints.Observe(report, isKnown: record is null) }.OfType<string>())
        {
            LogDisk(job.Id, said);
            job.Append(said);
        }

        if (report.Mismatched > 0 && !_isMismatchTold)
        {
            _isMismatchTold = true;
            string said = FormattableString.Invariant($"in step {report.Cursor.Step} two workers computed other bits for the same slot: broken hardware, or a model that is not deterministic. The result cannot be proved any more; the logs of the workers name the slot");
            LogMismatched(job.Id, said);
            job.Append(said);
        }

        if (change is not null && !_kept.IsKept)
        {
            _kept.Keep(_descriptor!);
        }

        if (record is not null)
        {
            job.Progress = job.Progress with { Step = Math.Max(job.Step, record.Step) };
            if (record is StepRecord step)
            {
                scaler.Observe(job.Id, step);
                foreach (PaceChange pace in telemetry.Stepped(job, report, step))
                {
                    Tell(pace);
                }
            }

            job.Append(record);
        }

        if (report.Finished && report.Version < _descriptor!.TotalSteps && report.Best is { } best)
        {
            string said = FormattableString.Invariant($"ended early: {_descriptor.Best!.Rule.Metric} was not better for {Amount.Of(best.Waited, "evaluation")}; {(best.Version is { } version ? $"the best, {best.Value:G6}, is that of step {version}" : "it could not be had")}");
            LogEndedEarly(job.Id, said);
            job.Append(said);
        }

        foreach (string warning in _writer.Warnings.Skip(warned).ToArray())
        {
            LogWarned(job.Id, warning);
            job.Append($"warning: {warning}");
        }
    }

    private void Tell(PaceChange pace)
    {
        string note = pace.IsSlow
            ? FormattableString.Invariant($"{pace.WorkerId} is slow all the time: a slot takes it {pace.Ratio:0.0} times as long as the others; drain it, or look at its machine")
            : FormattableString.Invariant($"{pace.WorkerId} is as fast as the others again");
        LogPace(job.Id, note);
        job.Append(note);
    }

    /// <summary>Takes reports to the last one; where the first shard lost the job, goes on once it was taken up again.</summary>
    private async Task WatchAsync(IShardFeed first, CancellationToken cancellation)
    {
        long next = 0;
        while (true)
        {
            try
            {
                await foreach (StepReport report in first.WatchAsync(job.Id, next, cancellation))
                {
                    next++;
                    Take(report);
                }

                return;
            }
            catch (ProtocolException exception) when (exception.Error == ProtocolError.UnknownJob)
            {
                await Task.Delay(ReopenPause, time, cancellation);
            }
        }
    }

    /// <summary>Waits until a shard knows the job. Where all have lost it, a scheduler before has kept what the job is.</summary>
    private async Task<JobDescriptor> WaitOpenedAsync(IReadOnlyList<IShardControl> shards, bool resumed, CancellationToken cancellation)
    {
        for (TimeSpan pause = TimeSpan.FromMilliseconds(20); ; pause = pause < TimeSpan.FromMilliseconds(500) ? pause * 1.5 : pause)
        {
            foreach (IShardControl shard in shards)
            {
                if (await shard.DescribeAsync(job.Id, cancellation) is { } descriptor)
                {
                    _kept.Keep(descriptor);
                    return descriptor;
                }
            }

            if (resumed && await _kept.ReadAsync(cancellation) is { } known)
            {
                return known;
            }

            await Task.Delay(pause, time, cancellation);
        }
    }

    [LoggerMessage(50, LogLevel.Critical, "Job {JobId}, {Cursor}: the step was done again and gave another line of the ledger. Broken hardware, or a model that is not deterministic")]
    private partial void LogContradicted(string jobId, Cursor cursor);

    [LoggerMessage(53, LogLevel.Critical, "Job {JobId}: {Said}")]
    private partial void LogMismatched(string jobId, string said);

    [LoggerMessage(55, LogLevel.Information, "Job {JobId}: {Said}")]
    private partial void LogEndedEarly(string jobId, string said);

    [LoggerMessage(54, LogLevel.Warning, "Job {JobId}: {Warning}")]
    private partial void LogWarned(string jobId, string warning);

    [LoggerMessage(51, LogLevel.Warning, "Job {JobId}: {Pace}")]
    private partial void LogPace(string jobId, string pace);

    [LoggerMessage(52, LogLevel.Warning, "Job {JobId}: {Said}")]
    private partial void LogDisk(string jobId, string said);
}

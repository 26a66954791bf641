using System.Threading.Channels;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Redis;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Watches the shards of one job: where one has lost what it held, all go back to the newest checkpoint.</summary>
/// <param name="kept">Version of the newest checkpoint where a scheduler before had the job, 0 without any; null: none had. Shards that are behind it have lost it, though nobody saw them have more.</param>
internal sealed partial class ShardSupervisor(ScheduledJob job, long? kept, JobDescriptor descriptor, IReadOnlyList<IShardControl> shards, JobStore store, TimeProvider time, ILogger logger)
{
    /// <summary>How often the shards are looked at when none of them has told of a change.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>And how often while a job stands still that is not kept as it is.</summary>
    private static readonly TimeSpan StandingInterval = TimeSpan.FromMilliseconds(500);

    private readonly StandingCheckpoint _standing = new(shards, job.Id, time);
    private readonly Channel<int> _changes = Channel.CreateBounded<int>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    // As they were when all had the job; null before that.
    private ShardStatus[]? _whole;
    private int _generation;
    private bool _wasPartly;
    private bool _toldOfDisk;
    private long? _toldOfStanding;

    /// <summary>Runs until cancelled.</summary>
    /// <exception cref="ProtocolException">The job cannot go on, or another scheduler is in charge.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task watching = Task.WhenAll(shards.Select(shard => WatchAsync(shard, stop.Token)));
        try
        {
            while (true)
            {
                bool looksAgain = await CheckAsync(cancellation);
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                Task<bool> changed = _changes.Reader.WaitToReadAsync(patience.Token).AsTask();
                await Task.WhenAny(changed, watching, Task.Delay(looksAgain ? StandingInterval : Interval, time, patience.Token));
                await patience.CancelAsync();
                await ((Task)changed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellation.ThrowIfCancellationRequested();
                if (watching.IsFaulted)
                {
                    await watching;
                }

                _changes.Reader.TryRead(out _);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Does not wait for the next look.</summary>
    public void LookSoon() => _changes.Writer.TryWrite(0);

    private async Task WatchAsync(IShardControl shard, CancellationToken cancellation)
    {
        string? incarnation = null;
        await foreach (ShardPresence presence in shard.PresenceAsync(cancellation))
        {
            if (!presence.IsReachable)
            {
                LogAway(job.Id, shard.Shard);
                job.Time.ShardAway(shard.Shard);
            }
            else if (incarnation is not null && incarnation != presence.Incarnation)
            {
                LogAnew(job.Id, shard.Shard);
                job.Time.ShardAway(shard.Shard);
                LookSoon();
            }
            else
            {
                job.Time.ShardBack(shard.Shard);
            }

            incarnation = presence.Incarnation;
        }
    }

    /// <summary>Whether some shard has lost the job, though nobody saw that all had it: it went down together with the scheduler before, or a worker that opens the job is not done within the time between two looks.</summary>
    private bool AreBehind(ShardStatus[] statuses, bool wasPartly) =>
        _whole is null && ((kept is { } newest && statuses.Any(s => !s.Hosted || s.NeedsValues || s.Cursor.Step < newest)) || (wasPartly && IsPartly(statuses)));

    private static bool IsPartly(ShardStatus[] statuses) => statuses.Any(s => s.Hosted) && statuses.Any(s => !s.Hosted);

    private bool IsLost(ShardStatus[] statuses, bool wasPartly, ShardStatus[]? earlier = null) =>
        ShardRecovery.IsNeeded(statuses, _whole, earlier, descriptor.ResumeStep ?? 0) || AreBehind(statuses, wasPartly);

    /// <returns>Whether to look again soon.</returns>
    private async Task<bool> CheckAsync(CancellationToken cancellation)
    {
        IReadOnlyList<int> away = job.Time.ShardsAway;
        ShardStatus[] statuses = await Task.WhenAll(shards.Select(shard => shard.StatusAsync(job.Id, cancellation)));
        if (statuses.FirstOrDefault(s => s.Failure is not null) is { } failed)
        {
            throw new ProtocolException(failed.Error ?? ProtocolError.Invalid, failed.Failure!);
        }

        TellOfDisk(statuses);
        bool wasPartly = _wasPartly;
        _wasPartly = IsPartly(statuses);
        if (!IsLost(statuses, wasPartly))
        {
            _whole = statuses.All(s => s.Hosted) ? statuses : _whole;
            _generation = Math.Max(_generation, statuses.Max(s => s.Cursor.Generation));
            Back(away);
            return await KeepStandingAsync(statuses, cancellation);
        }

        // The shards answer at different moments of a job that moves: what one look shows may not be so.
        ShardStatus[] earlier = statuses;
        statuses = await Task.WhenAll(shards.Select(shard => shard.StatusAsync(job.Id, cancellation)));
        if (!IsLost(statuses, wasPartly, earlier))
        {
            return false;
        }

        long began = time.GetTimestamp();
        RestoredJob restored = await ShardRecovery.RunAsync(shards, descriptor, await store.TermAsync(cancellation), _generation, cancellation);
        _generation = restored.Generation;
        Back(away);
        job.Moved();
        // Of a shard that was gone again before it was restored the incarnation differs at the next look, and all go back once more.
        _whole = statuses;
        double ms = time.GetElapsedTime(began).TotalMilliseconds;
        LogRestored(job.Id, restored.Version ?? 0, restored.Generation, ms, string.Join(", ", restored.Damaged));
        string damaged = restored.Damaged.Count > 0 ? $"; damaged, and passed over: the checkpoints of steps {string.Join(", ", restored.Damaged)}" : "";
        job.Append(FormattableString.Invariant($"{How(restored.Version ?? 0)} version {restored.Version ?? 0} within {ms:F0} ms{damaged}"));
        return false;
    }

    /// <returns>Whether to look again soon.</returns>
    private async Task<bool> KeepStandingAsync(ShardStatus[] statuses, CancellationToken cancellation)
    {
        if (job.State is not (JobState.Paused or JobState.Waiting) || !statuses.All(s => s.Hosted))
        {
            return false;
        }

        if (await _standing.LookAsync(statuses, cancellation) is not { } version)
        {
            return true;
        }

        if (_standing.HasAsked(version) && _toldOfStanding != version)
        {
            _toldOfStanding = version;
            job.Append(FormattableString.Invariant($"it stands still, and a checkpoint of step {version} is on disk"));
        }

        return false;
    }

    /// <summary>Tells once why a job whose steps are all done does not end. What could not be written before that, the reports say.</summary>
    private void TellOfDisk(ShardStatus[] statuses)
    {
        if (!_toldOfDisk && statuses.FirstOrDefault(s => s.FinalCheckpointFailure is not null) is { } failing)
        {
            _toldOfDisk = true;
            string note = FormattableString.Invariant($"{(statuses.Max(s => s.Cursor.Step) >= descriptor.TotalSteps ? "all steps are done, and the last checkpoint" : "the checkpoint of an evaluated version, which may be the best,")} cannot be written yet; it is tried again for at most {DiskPatience.Final.TotalMinutes:0} minutes: {failing.FinalCheckpointFailure}");
            LogDisk(job.Id, note);
            job.Append(note);
        }
    }

    private void Back(IEnumerable<int> were)
    {
        foreach (int shard in were)
        {
            job.Time.ShardBack(shard);
        }
    }

    // A shard that was asked to end has kept what it held.
    private string How(long version) => version >= job.Progress.Step ? "a shard was started anew: all go on, with nothing lost, from" : "a shard lost its state: all went back to";

    [LoggerMessage(24, LogLevel.Warning, "Job {JobId}: {Note}")]
    private partial void LogDisk(string jobId, string note);

    [LoggerMessage(21, LogLevel.Warning, "Job {JobId}: shard {Shard} cannot be reached")]
    private partial void LogAway(string jobId, int shard);

    [LoggerMessage(22, LogLevel.Warning, "Job {JobId}: shard {Shard} was started anew")]
    private partial void LogAnew(string jobId, int shard);

    [LoggerMessage(23, LogLevel.Warning, "Job {JobId}: taken up from version {Version} as generation {Generation} in {Milliseconds:F0} ms; damaged checkpoints: [{Damaged}]")]
    private partial void LogRestored(string jobId, long version, int generation, double milliseconds, string damaged);
}

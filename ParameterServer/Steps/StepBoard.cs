using System.Runtime.CompilerServices;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;

namespace Lockstep.ParameterServer.Steps;

/// <summary>What ps-0 gathers for all shards of a job: norms, announcements, evaluations, checkpoints; and the log of what happened. Safe for many callers.</summary>
public sealed partial class StepBoard : IShardPeer, IEvaluations
{
    private readonly Lock _gate = new();
    private readonly JobDescriptor _descriptor;
    private readonly TimeProvider _time;
    private readonly IShardObserver _observer;
    private readonly ICheckpointFiles _files;
    private readonly ModelLayout _layout;
    private readonly StepLog _log;
    private readonly Dictionary<Cursor, Rendezvous<double[], double>> _norms = [];
    private readonly Dictionary<Cursor, Rendezvous<ShardAnnouncement, bool>> _announcements = [];
    private TaskCompletionSource _logged = NewSignal();
    private (CommittedStep Step, long Gathered, GrantCounts Grants)? _own;
    // The report that ends the job, and since when it waits for the last checkpoint.
    private (StepReport Report, long Since)? _last;
    private Exception? _failure;
    private bool _begun;
    private int _generation;
    private long _newest;
    private bool _finished;

    public StepBoard(JobDescriptor descriptor, TimeProvider time, IShardObserver? observer = null, ICheckpointFiles? files = null)
    {
        _descriptor = descriptor;
        _time = time;
        _observer = observer ?? new SilentShardObserver();
        _files = files ?? CheckpointFiles.Disk;
        _layout = new ModelLayout(descriptor.Tensors, descriptor.Shards);
        _log = new StepLog(descriptor, _files);
        _newest = descriptor.ResumeStep ?? 0;
        _lastCheckpointDurable = _newest == descriptor.TotalSteps;
    }

    /// <value>Is told when the job must fail: its last checkpoint cannot be written.</value>
    public Action<Exception>? Failed { get; set; }

    /// <value>Is told when nothing more is to be reported. Must not call the board.</value>
    public Action? Over { get; set; }

    /// <value>Nothing more is to be reported.</value>
    public bool IsOver
    {
        get
        {
            lock (_gate)
            {
                return _finished;
            }
        }
    }

    /// <summary>The job is at a version of a generation, at its beginning or as it was taken up again: who waits in an older generation is sent away, the log stays.</summary>
    public void Begin(int generation, long version, bool isRestored)
    {
        lock (_gate)
        {
            bool finished = false;
            if (!_begun)
            {
                finished = LoadLog(version, isRestored);
            }

            _begun = true;
            Abandon(new ProtocolException(ProtocolError.Superseded, $"Job {_descriptor.JobId} was taken up again in generation {generation}."));
            _generation = generation;
            _newest = version;
            _own = null;
            _last = null;
            _failure = null;
            BeginCheckpoints(version, isRestored);
            _finished = finished;
            if (!finished && version == _descriptor.TotalSteps && !_descriptor.EvaluatesAt(version))
            {
                // A job that was taken up at its end has nothing left to report.
                _last = (new StepReport { Cursor = new Cursor(generation, version, Cursor.Evaluation) }, _time.GetTimestamp());
                FinishIfDone();
            }

            Pulse();
        }
    }

    /// <summary>Hands in one shard's squared norms; waits for all and gives the factor of clipping.</summary>
    public Task<double> ClipFactorAsync(Cursor cursor, int shard, double[] blockSquares)
    {
        lock (_gate)
        {
            Check(cursor.Generation, shard, blockSquares.Length);
            return Meet(_norms, cursor).Put(shard, blockSquares, parts =>
                GradientNorm.Factor(InBlockOrder(s => parts[s]).Sum(), _descriptor.Optimizer.ClipNorm ?? double.PositiveInfinity));
        }
    }

    /// <summary>What ps-0's own shard saw of a step; before it announces the step.</summary>
    /// <param name="gathered">Timestamp at which its last contribution was in.</param>
    /// <param name="grants">Since the step before.</param>
    public void Committed(CommittedStep step, long gathered, GrantCounts grants)
    {
        lock (_gate)
        {
            if (step.Cursor.Generation == _generation)
            {
                _own = (step, gathered, grants);
            }
        }
    }

    /// <summary>Takes note that a shard has the new version; waits until all have.</summary>
    /// <returns>Whether the version after it is to be kept as a checkpoint that somebody asked for.</returns>
    public Task<bool> AnnounceAsync(ShardAnnouncement announcement)
    {
        lock (_gate)
        {
            Check(announcement.Cursor.Generation, announcement.Shard, announcement.BlockHashes.Count);
            return Meet(_announcements, announcement.Cursor).Put(announcement.Shard, announcement, parts =>
            {
                Report(parts);
                return KeepsNext();
            });
        }
    }

    /// <summary>Reports from number <paramref name="from"/> on, then new ones as they come; ends after the last. Who asks from a number that no report has only learns of the end.</summary>
    public async IAsyncEnumerable<StepReport> WatchAsync(long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long next = Math.Max(0, from);
        while (true)
        {
            IReadOnlyList<StepReport> ready = [];
            (long, long)? older = null;
            Task more;
            lock (_gate)
            {
                more = _logged.Task;
                if (next < _log.FirstInMemory)
                {
                    older = _log.InFile((int)next);
                }
                else if (next < _log.Count)
                {
                    ready = _log.InMemory((int)next);
                }
                else
                {
                    ThrowIfFailed();
                    if (_finished)
                    {
                        yield break;
                    }
                }
            }

            if (older is { } place)
            {
                ready = _log.Read(place);
            }
            else if (ready.Count == 0)
            {
                await more.WaitAsync(cancellation);
            }

            foreach (StepReport report in ready)
            {
                yield return report;
                next++;
            }
        }
    }

    /// <summary>The job cannot go on: everybody who waits is told.</summary>
    public void Fail(Exception failure)
    {
        lock (_gate)
        {
            _failure ??= failure;
            _giveUp.Cancel();
            Abandon(failure);
            _asked?.TrySetException(failure);
            _log.Dispose();
            Pulse();
        }
    }

    Task<double> IShardPeer.ClipFactorAsync(string jobId, Cursor cursor, int shard, double[] blockSquares, CancellationToken cancellation) =>
        ClipFactorAsync(cursor, shard, blockSquares).WaitAsync(cancellation);

    Task<bool> IShardPeer.AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation) => AnnounceAsync(announcement).WaitAsync(cancellation);

    // The shard of this process tells its coordinator itself.
    Task IShardPeer.ProgressAsync(string jobId, ShardProgress progress, CancellationToken cancellation) => Task.CompletedTask;

    Task IShardPeer.CheckpointPartAsync(string jobId, CheckpointNotice notice, CancellationToken cancellation)
    {
        CheckpointPart(notice);
        return Task.CompletedTask;
    }

    Task<long> IShardPeer.CheckpointAsync(string jobId, CancellationToken cancellation) => CheckpointAsync().WaitAsync(cancellation);

    private bool LoadLog(long version, bool isRestored)
    {
        try
        {
            return _log.Load(version, isRestored);
        }
        catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception))
        {
            _observer.LogFailed(_descriptor.JobId, exception);
            return false;
        }
    }

    /// <summary>Sends away who waits.</summary>
    private void Abandon(Exception reason)
    {
        foreach (var norm in _norms.Values)
        {
            norm.Fail(reason);
        }

        foreach (var announcement in _announcements.Values)
        {
            announcement.Fail(reason);
        }

        _norms.Clear();
        _announcements.Clear();
        _evaluations.Clear();
    }

    private void Report(IReadOnlyList<ShardAnnouncement> parts)
    {
        if (_own is not { } own || own.Step.Cursor != parts[0].Cursor)
        {
            throw new InvalidOperationException($"Job {_descriptor.JobId}: shard 0 announced {parts[0].Cursor} without its own report.");
        }

        CommittedStep step = own.Step;
        _newest = step.Cursor.Step + 1;
        double loss = 0;
        long samples = 0;
        foreach (SlotReport slot in step.Reports)
        {
            loss += slot.LossSum;
            samples += slot.Samples;
        }

        StepCounters counters = step.Counters;
        string ledger = StateHash.ToHex(StateHash.Combine([.. InBlockOrder(s => parts[s].BlockHashes)]));
        string first = _log.LedgerOf(step.Cursor.Step) ?? ledger;
        if (first != ledger)
        {
            _observer.LedgerDiffers(_descriptor.JobId, step.Cursor, first, ledger);
        }

        Append(new StepReport
        {
            Cursor = step.Cursor,
            Ledger = ledger,
            FirstLedger = first == ledger ? "" : first,
            Loss = loss / samples,
            Samples = samples,
            LearningRate = step.LearningRate,
            SlotWorkers = step.SlotWorkers,
            GroupSizes = [.. counters.GroupSizes],
            Accepted = counters.Accepted,
            Duplicate = counters.Duplicate,
            Stale = counters.Stale,
            Refused = counters.Refused,
            Mismatched = parts.Sum(p => p.Mismatched),
            EscapedBlocks = parts.Sum(p => p.EscapedBlocks),
            GatherMs = parts.Max(p => p.GatherMs),
            UpdateMs = _time.GetElapsedTime(own.Gathered).TotalMilliseconds,
            SyncMs = counters.SyncMs,
            SlotMs = counters.SlotMs,
            Granted = own.Grants.Granted,
            GrantedAgain = own.Grants.Repeated,
            Revoked = own.Grants.Revoked,
            Checkpoint = _descriptor.CheckpointsAt(_newest) || _newest == _askedVersion,
            CheckpointBlockedMs = parts.Max(p => p.CheckpointBlockedMs),
        }, _newest == _descriptor.TotalSteps && !_descriptor.EvaluatesAt(_newest));

        AppendEarlyEvaluation();

        // Another shard may ask again about the last step, not about older ones.
        Forget(_norms, step.Cursor);
        Forget(_announcements, step.Cursor);
        ForgetEvaluations(step.Cursor);
        SealWhole();
    }

    private void Append(StepReport report, bool isLast)
    {
        if (isLast)
        {
            _last = (report, _time.GetTimestamp());
            FinishIfDone();
            return;
        }

        Publish(report);
    }

    private void FinishIfDone()
    {
        if (_last is { } last && _lastCheckpointDurable && !_finished)
        {
            _finished = true;
            StepReport report = Last(last.Report);
            Publish(report with { CheckpointBlockedMs = report.CheckpointBlockedMs + _time.GetElapsedTime(last.Since).TotalMilliseconds });
        }
    }

    private static StepReport Last(StepReport last) => last with { Finished = true };

    private void Publish(StepReport report)
    {
        report = WithCheckpoints(report);
        // In the file first: whoever was told of a number finds the same report under it in another process.
        if (_log.Append(report) is { } failure)
        {
            _observer.LogFailed(_descriptor.JobId, failure);
        }

        if (_finished)
        {
            _log.Dispose();
            Over?.Invoke();
        }

        Pulse();
    }

    private IEnumerable<T> InBlockOrder<T>(Func<int, IReadOnlyList<T>> ofShard)
    {
        var next = new int[_descriptor.Shards];
        foreach (Chunk chunk in _layout.Chunks)
        {
            IReadOnlyList<T> values = ofShard(chunk.Shard);
            for (int i = 0; i < chunk.BlockCount; i++)
            {
                yield return values[next[chunk.Shard]++];
            }
        }
    }

    private void Check(int generation, int shard, int? blocks)
    {
        ThrowIfFailed();
        if (shard < 0 || shard >= _descriptor.Shards || (blocks is { } count && count != _layout.ShardBlocks(shard)))
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {_descriptor.JobId} has no shard {shard} of {blocks} blocks.");
        }

        if (generation != _generation)
        {
            throw OtherGeneration(generation);
        }
    }

    private ProtocolException OtherGeneration(int generation) =>
        new(ProtocolError.Superseded, $"Job {_descriptor.JobId} is in generation {_generation} on shard 0; what comes of generation {generation} does not count there.");

    private Rendezvous<TPart, TResult> Meet<TPart, TResult>(Dictionary<Cursor, Rendezvous<TPart, TResult>> all, Cursor cursor) where TPart : class
    {
        if (!all.TryGetValue(cursor, out var rendezvous))
        {
            all[cursor] = rendezvous = new Rendezvous<TPart, TResult>(_descriptor.Shards);
        }

        return rendezvous;
    }

    private static void Forget<T>(Dictionary<Cursor, T> all, Cursor cursor)
    {
        foreach (Cursor old in all.Keys.Where(c => c.Step < cursor.Step).ToArray())
        {
            all.Remove(old);
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw failure is ProtocolException known ? new ProtocolException(known.Error, known.Message) : new InvalidOperationException(failure.Message, failure);
        }
    }

    private void Pulse()
    {
        _logged.TrySetResult();
        _logged = NewSignal();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

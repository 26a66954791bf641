using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Optimizers;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;

namespace Lockstep.ParameterServer.Steps;

/// <summary>What ps-0 does for all shards of a job: joins norms and announcements, gathers evaluations, makes checkpoints count, reports what happened. Safe for many callers.</summary>
public sealed class StepCoordinator : IShardPeer, IEvaluations
{
    // The parts below share it.
    private readonly Lock _gate = new();
    private readonly JobDescriptor _descriptor;
    private readonly TimeProvider _time;
    private readonly IShardObserver _observer;
    private readonly ModelLayout _layout;
    private readonly JobPosition _position;
    private readonly ReportFeed _reports;
    private readonly CheckpointSeals _checkpoints;
    private readonly Evaluations _evaluations;
    private readonly BestTrack _best;
    private readonly RendezvousTable<double[], double> _norms;
    private readonly RendezvousTable<ShardAnnouncement, bool> _announcements;
    private (CommittedStep Step, long Gathered, GrantCounts Grants)? _own;
    // The report that ends the job, and since when it waits for the last checkpoint.
    private (StepReport Report, long Since)? _last;

    /// <param name="observer">Null: nobody is told.</param>
    /// <param name="files">Where checkpoints and reports are written; null: the disk.</param>
    public StepCoordinator(JobDescriptor descriptor, TimeProvider time, IShardObserver? observer = null, ICheckpointFiles? files = null)
    {
        _descriptor = descriptor;
        _time = time;
        _observer = observer ?? new SilentShardObserver();
        ICheckpointFiles disk = files ?? CheckpointFiles.Disk;
        _layout = new ModelLayout(descriptor.Tensors, descriptor.Shards);
        _position = new JobPosition { Newest = descriptor.ResumeStep ?? 0 };
        _norms = new(descriptor.Shards);
        _announcements = new(descriptor.Shards);
        _reports = new ReportFeed(descriptor, _gate, disk, _observer);
        _evaluations = new Evaluations(descriptor, _position, _reports.WasEvaluated);
        _best = new BestTrack(descriptor, version => _evaluations.WholeParts(version) ?? _reports.EvaluationOf(version)?.EvaluationParts);
        _checkpoints = new CheckpointSeals(descriptor, _gate, _position, _reports, _best, () => _last?.Report, FinishIfDone, failure => Failed?.Invoke(failure), time, disk, _observer);
    }

    /// <value>Is told when the job must fail: its last checkpoint cannot be written.</value>
    public Action<Exception>? Failed { get; set; }

    /// <value>Is told when nothing more is to be reported. Must not call the coordinator.</value>
    public Action? Over { get; set; }

    /// <value>Nothing more is to be reported.</value>
    public bool IsOver
    {
        get
        {
            lock (_gate)
            {
                return _reports.IsOver;
            }
        }
    }

    /// <value>The newest version of which a whole set is on disk, as far as this process knows.</value>
    public long? DurableVersion
    {
        get
        {
            lock (_gate)
            {
                return _checkpoints.DurableVersion;
            }
        }
    }

    /// <value>Why the last set does not count yet, while that is tried again; null: nothing stands in its way.</value>
    public string? FinalFailure => _checkpoints.FinalFailure;

    /// <value>Done when no set is being sealed.</value>
    public Task Sealed
    {
        get
        {
            lock (_gate)
            {
                return _checkpoints.Sealing;
            }
        }
    }

    /// <summary>Ends the sealing of sets until the next generation begins.</summary>
    /// <returns>Done when nothing is being sealed or deleted.</returns>
    public Task StopSealingAsync()
    {
        lock (_gate)
        {
            return _checkpoints.StopAsync();
        }
    }

    /// <summary>The job is at a version of a generation, at its beginning or as it was taken up again: who waits in an older generation is sent away, the log stays.</summary>
    public void Begin(int generation, long version, bool isRestored)
    {
        lock (_gate)
        {
            Abandon(new ProtocolException(ProtocolError.Superseded, $"Job {_descriptor.JobId} was taken up again in generation {generation}."));
            // What is finished stays so where it is taken up at its end: a shard died as it ended.
            _reports.Begin(version, isRestored, staysOver: version == _position.Newest);
            (_position.Generation, _position.Newest) = (generation, version);
            _own = null;
            _last = null;
            _best.Begin(version);
            _checkpoints.Begin(version, isRestored);
            if (!_reports.IsOver && version == _descriptor.TotalSteps && !_descriptor.EvaluatesAt(version))
            {
                // A job that was taken up at its end has nothing left to report.
                Append(new StepReport { Cursor = new Cursor(generation, version, Cursor.Evaluation) }, isLast: true);
            }
        }
    }

    /// <summary>Hands in one shard's squared norms; waits for all and gives the factor of clipping.</summary>
    public Task<double> ClipFactorAsync(Cursor cursor, int shard, double[] blockSquares)
    {
        lock (_gate)
        {
            Check(cursor.Generation, shard, blockSquares.Length);
            return _norms.At(cursor).Put(shard, blockSquares, parts =>
                GradientNorm.Factor(parts.SelectMany(squares => squares).Sum(), _descriptor.Optimizer.ClipNorm ?? double.PositiveInfinity));
        }
    }

    /// <summary>What ps-0's own shard saw of a step; before it announces the step.</summary>
    /// <param name="gathered">Timestamp at which its last contribution was in.</param>
    /// <param name="grants">Since the step before.</param>
    public void Committed(CommittedStep step, long gathered, GrantCounts grants)
    {
        lock (_gate)
        {
            if (step.Cursor.Generation == _position.Generation)
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
            Check(announcement.Cursor.Generation, announcement.Shard, announcement.BlockHashes.Length);
            return _announcements.At(announcement.Cursor).Put(announcement.Shard, announcement, parts =>
            {
                Report(parts);
                return _checkpoints.Asked.TakesAfter(_position.Newest, _best.IsLast(_position.Newest));
            });
        }
    }

    /// <summary>Takes one slot of an evaluation; the first one in counts. What is over already needs no more.</summary>
    public void ReportEvaluation(Cursor cursor, int slot, string workerId, EvaluationPart part)
    {
        lock (_gate)
        {
            AppendEvaluation(_evaluations.Put(cursor, slot, workerId, part));
        }
    }

    /// <summary>Slots of an evaluation that are not in; none where the job is past it.</summary>
    public IReadOnlyList<int> MissingEvaluation(Cursor cursor)
    {
        lock (_gate)
        {
            return _evaluations.Missing(cursor);
        }
    }

    /// <inheritdoc/>
    public bool IsLast(Cursor version)
    {
        lock (_gate)
        {
            return version.Generation == _position.Generation && _best.IsLast(version.Step);
        }
    }

    /// <summary>Takes note that a shard's part of a checkpoint is on disk, or why it is not; the last part makes the set count, once all steps before it were reported.</summary>
    public void CheckpointPart(CheckpointNotice notice)
    {
        lock (_gate)
        {
            _reports.ThrowIfFailed();
            // What was cut before the job went back does not count: this generation cuts its own.
            if (notice.Generation == _position.Generation)
            {
                Check(notice.Generation, notice.Shard, null);
                _checkpoints.Take(notice);
            }
        }
    }

    /// <summary>Asks for a checkpoint of the next version that can be; waits until its set is on disk. Who asks meanwhile gets the same.</summary>
    public Task<long> CheckpointAsync()
    {
        lock (_gate)
        {
            _reports.ThrowIfFailed();
            return _reports.IsOver ? Task.FromResult(_position.Newest) : _checkpoints.Asked.Ask(_position.Newest, _best.IsLast(_position.Newest));
        }
    }

    /// <inheritdoc cref="ReportFeed.WatchAsync"/>
    public IAsyncEnumerable<StepReport> WatchAsync(long from, CancellationToken cancellation) => _reports.WatchAsync(from, cancellation);

    /// <summary>The job cannot go on: everybody who waits is told.</summary>
    public void Fail(Exception failure)
    {
        lock (_gate)
        {
            Abandon(failure);
            _checkpoints.Fail(failure);
            _reports.Fail(failure);
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

    /// <summary>Sends away who waits.</summary>
    private void Abandon(Exception reason)
    {
        _norms.Fail(reason);
        _announcements.Fail(reason);
        _evaluations.Clear();
    }

    private void Report(IReadOnlyList<ShardAnnouncement> parts)
    {
        if (_own is not { } own || own.Step.Cursor != parts[0].Cursor)
        {
            throw new InvalidOperationException($"Job {_descriptor.JobId}: shard 0 announced {parts[0].Cursor} without its own report.");
        }

        Cursor cursor = own.Step.Cursor;
        long newest = _position.Newest = cursor.Step + 1;
        // The shards' chunks follow each other in the model.
        string ledger = StateHash.ToHex(StateHash.Of(parts.Select(p => p.BlockHashes), _best.Before(newest)));
        string first = _reports.LedgerOf(cursor.Step) ?? ledger;
        if (first != ledger)
        {
            _observer.LedgerDiffers(_descriptor.JobId, cursor, first, ledger);
        }

        StepReport report = StepReports.Of(own.Step, parts, own.Grants) with
        {
            Ledger = ledger,
            FirstLedger = first == ledger ? "" : first,
            UpdateMs = _time.GetElapsedTime(own.Gathered).TotalMilliseconds,
            Checkpoint = _descriptor.CheckpointsAt(newest) || _checkpoints.Asked.Is(newest),
        };
        Append(report, isLast: newest == _descriptor.TotalSteps && !_descriptor.EvaluatesAt(newest));
        // Of a generation before, too: its evaluations are not done again, and count all the same.
        _best.After(newest);
        AppendEvaluation(_evaluations.Early());
        _norms.ForgetBefore(cursor.Step);
        _announcements.ForgetBefore(cursor.Step);
        _evaluations.ForgetBefore(cursor.Step);
        _checkpoints.SealWhole();
    }

    private void AppendEvaluation(StepReport? report)
    {
        if (report is not null)
        {
            Append(report with { Best = _best.After(report.Version) }, isLast: _best.IsLast(report.Version));
        }
    }

    private void Append(StepReport report, bool isLast)
    {
        if (isLast)
        {
            _last = (report with { Finished = true }, _time.GetTimestamp());
            _checkpoints.End(report.Version);
            FinishIfDone();
            return;
        }

        _reports.Publish(_checkpoints.AddTo(report), isLast: false);
    }

    private void FinishIfDone()
    {
        if (_last is { } last && _checkpoints.IsLastDurable && !_reports.IsOver)
        {
            StepReport report = _checkpoints.AddTo(last.Report);
            _reports.Publish(report with { CheckpointBlockedMs = report.CheckpointBlockedMs + _time.GetElapsedTime(last.Since).TotalMilliseconds }, isLast: true);
            Over?.Invoke();
        }
    }

    private void Check(int generation, int shard, int? blocks)
    {
        _reports.ThrowIfFailed();
        if (shard < 0 || shard >= _descriptor.Shards || (blocks is { } count && count != _layout.ShardBlocks(shard)))
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {_descriptor.JobId} has no shard {shard} of {blocks} blocks.");
        }

        if (generation != _position.Generation)
        {
            throw Evaluations.OtherGeneration(_descriptor, _position, generation);
        }
    }
}

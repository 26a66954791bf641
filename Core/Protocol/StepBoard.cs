using System.Runtime.CompilerServices;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Protocol;

/// <summary>What ps-0 gathers for all shards of a job: norms, announcements, evaluations, checkpoints; and the log of what happened. Safe for many callers.</summary>
public sealed class StepBoard(JobDescriptor descriptor, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly ModelLayout _layout = new(descriptor.Tensors, descriptor.Shards);
    private readonly Dictionary<Cursor, Rendezvous<double[], double>> _norms = [];
    private readonly Dictionary<Cursor, Rendezvous<ShardAnnouncement, bool>> _announcements = [];
    private readonly Dictionary<Cursor, Evaluation> _evaluations = [];
    private readonly Dictionary<long, string?[]> _durable = [];
    private readonly List<StepReport> _log = [];
    private TaskCompletionSource _logged = NewSignal();
    private (CommittedStep Step, long Gathered)? _own;
    private StepReport? _last;
    private Exception? _failure;
    private long _newest = descriptor.ResumeStep ?? 0;
    private bool _lastCheckpointDurable = descriptor.ResumeStep == descriptor.TotalSteps;
    private bool _finished;

    /// <summary>Hands in one shard's squared norms; waits for all and gives the factor of clipping.</summary>
    public Task<double> ClipFactorAsync(Cursor cursor, int shard, double[] blockSquares)
    {
        lock (_gate)
        {
            CheckShard(shard, blockSquares.Length);
            return Meet(_norms, cursor).Put(shard, blockSquares, parts =>
                GradientNorm.Factor(InBlockOrder(s => parts[s]).Sum(), descriptor.Optimizer.ClipNorm ?? double.PositiveInfinity));
        }
    }

    /// <summary>What ps-0's own shard saw of a step; before it announces the step.</summary>
    /// <param name="gathered">Timestamp at which its last contribution was in.</param>
    public void Committed(CommittedStep step, long gathered)
    {
        lock (_gate)
        {
            _own = (step, gathered);
        }
    }

    /// <summary>Takes note that a shard has the new version; waits until all have.</summary>
    public Task AnnounceAsync(ShardAnnouncement announcement)
    {
        lock (_gate)
        {
            CheckShard(announcement.Shard, announcement.BlockHashes.Count);
            return Meet(_announcements, announcement.Cursor).Put(announcement.Shard, announcement, parts =>
            {
                Report(parts);
                return true;
            });
        }
    }

    /// <summary>Takes one slot of an evaluation; the first one in counts.</summary>
    public void ReportEvaluation(Cursor cursor, int slot, string workerId, EvaluationPart part)
    {
        lock (_gate)
        {
            if (cursor.Attempt != Cursor.Evaluation || !descriptor.EvaluatesAt(cursor.Step) || slot < 0 || slot >= descriptor.EvaluationSlots)
            {
                throw new ProtocolException(ProtocolError.Invalid, $"Job {descriptor.JobId} has no slot {slot} of an evaluation at {cursor}.");
            }

            if (!_evaluations.TryGetValue(cursor, out Evaluation? evaluation))
            {
                _evaluations[cursor] = evaluation = new Evaluation(descriptor.EvaluationSlots);
            }

            if (!evaluation.Put(slot, workerId, part))
            {
                return;
            }

            Append(evaluation.Report(cursor), cursor.Step == descriptor.TotalSteps);
            evaluation.Done.TrySetResult();
        }
    }

    /// <summary>Slots of an evaluation that are not in; none where the job is past it.</summary>
    public IReadOnlyList<int> MissingEvaluation(Cursor cursor)
    {
        lock (_gate)
        {
            if (cursor.Step < _newest || !descriptor.EvaluatesAt(cursor.Step))
            {
                return [];
            }

            return _evaluations.TryGetValue(cursor, out Evaluation? evaluation) ? evaluation.Missing() : [.. Enumerable.Range(0, descriptor.EvaluationSlots)];
        }
    }

    /// <summary>Waits until an evaluation is whole; at once where the job is past it.</summary>
    public async Task WaitEvaluatedAsync(Cursor cursor, CancellationToken cancellation)
    {
        Task done;
        lock (_gate)
        {
            ThrowIfFailed();
            if (cursor.Step < _newest || !descriptor.EvaluatesAt(cursor.Step))
            {
                return;
            }

            if (!_evaluations.TryGetValue(cursor, out Evaluation? evaluation))
            {
                _evaluations[cursor] = evaluation = new Evaluation(descriptor.EvaluationSlots);
            }

            done = evaluation.Done.Task;
        }

        await done.WaitAsync(cancellation);
    }

    /// <summary>Takes note that a shard's part of a checkpoint is on disk; the last one makes the set count.</summary>
    public void CheckpointDurable(long version, int shard, string sha256)
    {
        lock (_gate)
        {
            CheckShard(shard, null);
            if (!_durable.TryGetValue(version, out string?[]? parts))
            {
                _durable[version] = parts = new string?[descriptor.Shards];
            }

            parts[shard] = sha256;
            if (parts.Contains(null))
            {
                return;
            }

            CheckpointSet.Seal(descriptor.CheckpointDirectory, version, parts!);
            CheckpointSet.Prune(descriptor.CheckpointDirectory, descriptor.CheckpointKeep);
            _durable.Remove(version);
            _lastCheckpointDurable |= version == descriptor.TotalSteps;
            FinishIfDone();
        }
    }

    /// <summary>Reports from number <paramref name="from"/> on, then new ones as they come; ends after the last.</summary>
    public async IAsyncEnumerable<StepReport> WatchAsync(long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        for (long next = Math.Max(0, from); ; next++)
        {
            StepReport? report = null;
            while (report is null)
            {
                Task more;
                lock (_gate)
                {
                    report = next < _log.Count ? _log[(int)next] : null;
                    if (report is null)
                    {
                        ThrowIfFailed();
                        if (_finished)
                        {
                            yield break;
                        }
                    }

                    more = _logged.Task;
                }

                if (report is null)
                {
                    await more.WaitAsync(cancellation);
                }
            }

            yield return report;
        }
    }

    /// <summary>The job cannot go on: everybody who waits is told.</summary>
    public void Fail(Exception failure)
    {
        lock (_gate)
        {
            _failure ??= failure;
            foreach (var norm in _norms.Values)
            {
                norm.Fail(failure);
            }

            foreach (var announcement in _announcements.Values)
            {
                announcement.Fail(failure);
            }

            foreach (Evaluation evaluation in _evaluations.Values)
            {
                evaluation.Done.TrySetException(failure);
                _ = evaluation.Done.Task.Exception;
            }

            Pulse();
        }
    }

    /// <summary>A job that was resumed at its end has nothing left to report.</summary>
    public void FinishIfNothingIsLeft()
    {
        lock (_gate)
        {
            if (_newest == descriptor.TotalSteps && _lastCheckpointDurable && !descriptor.EvaluatesAt(descriptor.TotalSteps) && _last is null)
            {
                _last = new StepReport { Cursor = new Cursor(0, descriptor.TotalSteps, Cursor.Evaluation) };
                FinishIfDone();
            }
        }
    }

    private void Report(IReadOnlyList<ShardAnnouncement> parts)
    {
        if (_own is not { } own || own.Step.Cursor != parts[0].Cursor)
        {
            throw new InvalidOperationException($"Job {descriptor.JobId}: shard 0 announced {parts[0].Cursor} without its own report.");
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
        Append(new StepReport
        {
            Cursor = step.Cursor,
            Ledger = StateHash.ToHex(StateHash.Combine([.. InBlockOrder(s => parts[s].BlockHashes)])),
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
            RangeRepeats = counters.RangeRepeats,
            GatherMs = parts.Max(p => p.GatherMs),
            UpdateMs = time.GetElapsedTime(own.Gathered).TotalMilliseconds,
            SyncMs = counters.SyncMs,
            Checkpoint = descriptor.CheckpointsAt(_newest),
        }, _newest == descriptor.TotalSteps && !descriptor.EvaluatesAt(_newest));

        // Another shard may ask again about the last step, not about older ones.
        Forget(_norms, step.Cursor);
        Forget(_announcements, step.Cursor);
        foreach (Cursor old in _evaluations.Keys.Where(c => c.Step < step.Cursor.Step).ToArray())
        {
            _evaluations.Remove(old);
        }
    }

    private void Append(StepReport report, bool isLast)
    {
        if (isLast)
        {
            _last = report;
            FinishIfDone();
            return;
        }

        _log.Add(report);
        Pulse();
    }

    private void FinishIfDone()
    {
        if (_last is { } last && _lastCheckpointDurable && !_finished)
        {
            _finished = true;
            _log.Add(last with { Finished = true });
            Pulse();
        }
    }

    private IEnumerable<T> InBlockOrder<T>(Func<int, IReadOnlyList<T>> ofShard)
    {
        var next = new int[descriptor.Shards];
        foreach (Chunk chunk in _layout.Chunks)
        {
            IReadOnlyList<T> values = ofShard(chunk.Shard);
            for (int i = 0; i < chunk.BlockCount; i++)
            {
                yield return values[next[chunk.Shard]++];
            }
        }
    }

    private void CheckShard(int shard, int? blocks)
    {
        ThrowIfFailed();
        if (shard < 0 || shard >= descriptor.Shards || (blocks is { } count && count != _layout.ShardBlocks(shard)))
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {descriptor.JobId} has no shard {shard} of {blocks} blocks.");
        }
    }

    private Rendezvous<TPart, TResult> Meet<TPart, TResult>(Dictionary<Cursor, Rendezvous<TPart, TResult>> all, Cursor cursor) where TPart : class
    {
        if (!all.TryGetValue(cursor, out var rendezvous))
        {
            all[cursor] = rendezvous = new Rendezvous<TPart, TResult>(descriptor.Shards);
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

    private sealed class Evaluation(int slots)
    {
        private readonly EvaluationPart?[] _parts = new EvaluationPart?[slots];
        private readonly string[] _workers = new string[slots];
        private int _missing = slots;

        public TaskCompletionSource Done { get; } = NewSignal();

        public IReadOnlyList<int> Missing() => [.. Enumerable.Range(0, _parts.Length).Where(slot => _parts[slot] is null)];

        /// <returns>Whether this was the last one.</returns>
        public bool Put(int slot, string workerId, EvaluationPart part)
        {
            if (_parts[slot] is not null)
            {
                return false;
            }

            _parts[slot] = part;
            _workers[slot] = workerId;
            return --_missing == 0;
        }

        public StepReport Report(Cursor cursor)
        {
            long samples = _parts.Sum(p => p!.Samples);
            double loss = 0;
            foreach (EvaluationPart? part in _parts)
            {
                loss += part!.LossSum;
            }

            return new StepReport { Cursor = cursor, Loss = loss / samples, Samples = samples, EvaluationParts = [.. _parts.Select(p => p!)], SlotWorkers = [.. _workers] };
        }
    }
}

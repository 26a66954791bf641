using Lockstep.Core.Protocol;

namespace Lockstep.Core.Grants;

/// <summary>ps-0's part in a generation of a job: keeps who computes what for all shards, and tells the workers. Safe for many callers.</summary>
public sealed class GrantCoordinator : IDisposable
{
    private readonly Lock _gate = new();
    private readonly JobDescriptor _descriptor;
    private readonly IEvaluations _evaluations;
    private readonly TimeProvider _time;
    private readonly GrantTable _table;
    private readonly Dictionary<long, IStepSink> _sinks = [];
    private readonly ShardProgress[] _shards;
    private readonly ITimer _timer;
    private readonly long _began;
    private Cursor _lowest;
    private GrantCounts _counted;
    private bool _isOver;

    /// <param name="version">Where the generation begins.</param>
    public GrantCoordinator(JobDescriptor descriptor, IEvaluations evaluations, Cursor version, TimeProvider time)
    {
        _descriptor = descriptor;
        _evaluations = evaluations;
        _time = time;
        _began = time.GetTimestamp();
        _table = new GrantTable(descriptor.Slots, descriptor.EvaluationSlots);
        int[] all = [.. Enumerable.Range(0, descriptor.Slots)];
        _shards = [.. Enumerable.Range(0, descriptor.Shards).Select(shard => new ShardProgress(shard, version, all))];
        _lowest = version;
        _timer = time.CreateTimer(_ => Match(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What was counted since this was asked last.</summary>
    public GrantCounts TakeCounts()
    {
        lock (_gate)
        {
            GrantCounts now = _table.Counts;
            GrantCounts before = _counted;
            _counted = now;
            return new GrantCounts(now.Granted - before.Granted, now.Repeated - before.Repeated, now.Revoked - before.Revoked);
        }
    }

    public void Join(long session, string worker, IStepSink sink)
    {
        lock (_gate)
        {
            _sinks[session] = sink;
            _table.Join(session, worker);
        }
    }

    public void Lose(long session)
    {
        lock (_gate)
        {
            _sinks.Remove(session);
            _table.Lose(session);
            MatchNow();
        }
    }

    public void Receive(long session, WorkerMessage message)
    {
        lock (_gate)
        {
            switch (message)
            {
                case ProgressMessage progress:
                    // Who is idle may take what comes after it.
                    _table.Begin(session, progress.Cursor, progress.Slot);
                    break;
                case IdleMessage idle:
                    _table.Idle(session, idle.Cursor, idle.Grant, Now);
                    break;
                case LeavingMessage:
                    _table.Leave(session);
                    break;
            }

            MatchNow();
        }
    }

    /// <summary>A contribution began to come in at ps-0.</summary>
    public void Contributed(long session, Contribution header)
    {
        lock (_gate)
        {
            _table.Contribute(session, header.Cursor, header.Reports.Select(r => r.Slot), header.SlotMs, Now);
            foreach (SlotReport report in header.Reports.Where(r => r.IsNotFinite))
            {
                _table.Fail(session, header.Cursor, report.Slot);
            }
        }
    }

    /// <summary>Takes a slot of an evaluation; with the last one the step begins.</summary>
    public void Evaluated(long session, string worker, EvaluationMessage message)
    {
        lock (_gate)
        {
            _evaluations.ReportEvaluation(message.Cursor, message.Slot, worker, message.Part);
            _table.Contribute(session, message.Cursor, [message.Slot], message.SlotMs, Now);
            if (!_isOver && message.Cursor.Step == _shards[0].Cursor.Step && _evaluations.MissingEvaluation(message.Cursor).Count == 0)
            {
                Divide();
            }
        }
    }

    /// <summary>A shard moved on, or has more slots than before. ps-0's own comes when its turn has gone out.</summary>
    public void Progress(ShardProgress progress)
    {
        lock (_gate)
        {
            ShardProgress before = _shards[progress.Shard];
            if (_isOver || progress.Cursor.Generation != before.Cursor.Generation || !progress.IsAfter(before))
            {
                return;
            }

            _shards[progress.Shard] = progress;
            Cursor lowest = _shards.Min(s => s.Cursor);
            if (lowest > _lowest)
            {
                _lowest = lowest;
                _table.Forget(lowest);
            }

            if (progress.Shard == 0 && progress.Cursor > before.Cursor)
            {
                Divide();
            }

            MatchNow();
        }
    }

    public AbandonedSlots? InHand(string worker)
    {
        lock (_gate)
        {
            return _table.InHand(worker);
        }
    }

    /// <summary>For people.</summary>
    public override string ToString()
    {
        lock (_gate)
        {
            return $"{string.Join(", ", _shards.Select(s => $"ps-{s.Shard} at {s.Cursor} lacks [{string.Join(' ', s.Missing)}]"))}; {_table}";
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
        }

        _timer.Dispose();
    }

    private TimeSpan Now => _time.GetElapsedTime(_began);

    private void Match()
    {
        lock (_gate)
        {
            MatchNow();
        }
    }

    /// <summary>Divides what ps-0's version asks for: its evaluation, or its step.</summary>
    private void Divide()
    {
        Cursor cursor = Stage(_shards[0].Cursor);
        Send(_table.Divide(cursor, MissingAt(cursor), Now));
    }

    private void MatchNow()
    {
        if (_isOver)
        {
            return;
        }

        Cursor cursor = Stage(_lowest);
        IReadOnlyList<int> missing = MissingAt(cursor);
        if (missing.Count == 0)
        {
            return;
        }

        TimeSpan now = Now;
        Send(_table.Match(cursor, missing, now));
        if (_table.NextMatch(cursor, missing) is { } next)
        {
            _timer.Change(next > now ? next - now : TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>What is to be done at a version: first its evaluation, then its step.</summary>
    private Cursor Stage(Cursor version)
    {
        Cursor evaluation = version with { Attempt = Cursor.Evaluation };
        return _descriptor.EvaluatesAt(version.Step) && _evaluations.MissingEvaluation(evaluation).Count > 0 ? evaluation : version;
    }

    private IReadOnlyList<int> MissingAt(Cursor cursor)
    {
        if (cursor.Attempt == Cursor.Evaluation)
        {
            return _evaluations.MissingEvaluation(cursor);
        }

        if (_evaluations.IsLast(cursor))
        {
            return [];
        }

        if (_shards.Length == 1)
        {
            return _shards[0].Missing;
        }

        var missing = new SlotSet(_descriptor.Slots);
        foreach (ShardProgress shard in _shards.Where(s => s.Cursor <= cursor))
        {
            foreach (int slot in shard.Cursor == cursor ? shard.Missing : Enumerable.Range(0, _descriptor.Slots))
            {
                missing.Add(slot);
            }
        }

        return [.. missing.Members()];
    }

    private void Send(IReadOnlyList<GrantOrder> orders)
    {
        foreach (GrantOrder order in orders)
        {
            _sinks[order.Session].Send(order.IsRevoke ? new RevokeMessage(order.Cursor, order.Slots) : new GrantMessage(order.Cursor, order.Slots, order.Number));
        }
    }
}

namespace Lockstep.Core.Protocol;

/// <summary>The leases of one job in memory: the pure twin of the scripts that run in Redis, for one process and for tests.</summary>
/// <param name="duration">How long a lease is good for.</param>
public sealed class LeaseTable(TimeProvider time, TimeSpan duration) : ILeases
{
    private const double Overdue = 1.5;
    private const double Weight = 0.2;

    private readonly Lock _gate = new();
    private Cursor? _cursor;
    private Entry[] _entries = [];
    private double _usualSeconds;
    private long _granted;
    private long _expired;
    private long _speculative;

    private enum State { Free, Leased, Completed, Pushed }

    public ValueTask<Lease?> AdvanceAsync(Cursor cursor, int slots, string workerId, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_cursor is not { } current || current < cursor)
            {
                _cursor = cursor;
                _entries = [.. Enumerable.Range(0, slots).Select(_ => new Entry())];
            }

            return ValueTask.FromResult(_cursor == cursor ? LeaseFree(workerId) : null);
        }
    }

    public ValueTask<Completion> CompleteAsync(Cursor cursor, int slot, string workerId, bool leaseNext, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_cursor is { } current && current > cursor)
            {
                return ValueTask.FromResult(new Completion(false, true, null));
            }

            // A table that is gone or behind knows nothing of this slot: others may have it too.
            var mayJoin = false;
            if (_cursor == cursor && slot < _entries.Length)
            {
                var entry = _entries[slot];
                mayJoin = !entry.Contested && entry.State == State.Leased && entry.Owner == workerId;
                if (entry.State == State.Leased && entry.Owner == workerId)
                {
                    var seconds = (time.GetUtcNow() - entry.Since).TotalSeconds;
                    _usualSeconds = _usualSeconds == 0 ? seconds : _usualSeconds + (Weight * (seconds - _usualSeconds));
                    entry.State = State.Completed;
                    entry.Since = time.GetUtcNow();
                }
            }

            return ValueTask.FromResult(new Completion(mayJoin, false, leaseNext && _cursor == cursor ? LeaseFree(workerId) : null));
        }
    }

    public ValueTask PushedAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_cursor == cursor)
            {
                foreach (var slot in slots)
                {
                    _entries[slot].State = State.Pushed;
                }
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask ReleaseAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_cursor == cursor)
            {
                foreach (var slot in slots)
                {
                    _entries[slot].Free();
                }
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<Lease?> TakeOverAsync(Cursor cursor, IReadOnlyList<int> missing, string workerId, int maximumLeases, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_cursor != cursor)
            {
                return ValueTask.FromResult<Lease?>(null);
            }

            var now = time.GetUtcNow();
            foreach (var slot in missing.Where(s => s >= 0 && s < _entries.Length))
            {
                var entry = _entries[slot];
                ExpireIfDue(entry, now);
                var overdue = (now - entry.Since).TotalSeconds > Overdue * _usualSeconds;
                // A slot that the table counts as pushed and some shard lacks was lost with that shard.
                if ((entry.State is State.Free or State.Pushed) || (overdue && entry.Live < maximumLeases && entry.Owner != workerId))
                {
                    _speculative += entry.State is State.Leased or State.Completed ? 1 : 0;
                    entry.Contested |= entry.State != State.Free;
                    return ValueTask.FromResult<Lease?>(Grant(entry, slot, workerId, now));
                }
            }

            return ValueTask.FromResult<Lease?>(null);
        }
    }

    public ValueTask<int> FreeWorkerAsync(string workerId, CancellationToken cancellation)
    {
        lock (_gate)
        {
            var freed = 0;
            foreach (var entry in _entries.Where(e => e.Owner == workerId && (e.State is State.Leased or State.Completed)))
            {
                entry.Free();
                freed++;
            }

            return ValueTask.FromResult(freed);
        }
    }

    public ValueTask<LeaseCounts> CountAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(new LeaseCounts(_granted, _expired, _speculative));
        }
    }

    /// <summary>Forgets everything, as a Redis that was emptied.</summary>
    public void Empty()
    {
        lock (_gate)
        {
            _cursor = null;
            _entries = [];
        }
    }

    private Lease? LeaseFree(string workerId)
    {
        var now = time.GetUtcNow();
        for (var slot = 0; slot < _entries.Length; slot++)
        {
            var entry = _entries[slot];
            ExpireIfDue(entry, now);
            if (entry.State == State.Free)
            {
                return Grant(entry, slot, workerId, now);
            }
        }

        return null;
    }

    private Lease Grant(Entry entry, int slot, string workerId, DateTimeOffset now)
    {
        entry.Contested |= entry.Granted > 0;
        entry.Granted++;
        entry.Live++;
        entry.Owner = workerId;
        entry.State = State.Leased;
        entry.Since = now;
        entry.Deadline = now + duration;
        _granted++;
        return new(slot, entry.Contested, duration);
    }

    private void ExpireIfDue(Entry entry, DateTimeOffset now)
    {
        if ((entry.State is State.Leased or State.Completed) && entry.Deadline <= now)
        {
            entry.Free();
            _expired++;
        }
    }

    private sealed class Entry
    {
        public State State { get; set; }
        public string? Owner { get; set; }
        public DateTimeOffset Since { get; set; }
        public DateTimeOffset Deadline { get; set; }
        /// <value>Leases granted in this attempt.</value>
        public int Granted { get; set; }
        /// <value>Leases granted since it was last free.</value>
        public int Live { get; set; }
        public bool Contested { get; set; }

        public void Free()
        {
            State = State.Free;
            Contested = true;
            Owner = null;
            Live = 0;
        }
    }
}

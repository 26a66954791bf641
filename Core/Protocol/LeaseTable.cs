namespace Lockstep.Core.Protocol;

/// <summary>The leases of one job in memory: the pure twin of the scripts that run in Redis, for one process and for tests.</summary>
/// <param name="duration">How long a lease is good for, in whole milliseconds.</param>
public sealed class LeaseTable(TimeProvider time, TimeSpan duration) : ILeases
{
    private const double Overdue = 1.5;
    private const double Weight = 0.2;

    private readonly Lock _gate = new();
    private readonly long _durationMs = (long)duration.TotalMilliseconds;
    private readonly TimeSpan _duration = TimeSpan.FromMilliseconds((long)duration.TotalMilliseconds);
    // Milliseconds a slot, of steps and of evaluations; null: none was completed yet.
    private readonly double?[] _usual = new double?[2];
    private Cursor? _cursor;
    private Entry[] _entries = [];
    private long _granted;
    private long _expired;
    private long _speculative;

    private enum State { Free, Leased, Completed, Pushed }

    public ValueTask<Lease?> AdvanceAsync(Cursor cursor, int slots, string workerId, CancellationToken cancellation)
    {
        lock (_gate)
        {
            MoveTo(cursor, slots);
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
                if (entry.State == State.Leased && entry.Owner == workerId)
                {
                    mayJoin = !entry.Contested;
                    var now = Now();
                    Observe(cursor, now - entry.Since);
                    entry.State = State.Completed;
                    entry.Since = now;
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
                foreach (var slot in slots.Where(s => s < _entries.Length))
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
                foreach (var slot in slots.Where(s => s < _entries.Length))
                {
                    _entries[slot].Free(isAvoided: true);
                }
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<Lease?> TakeOverAsync(Cursor cursor, int slots, IReadOnlyList<int> missing, string workerId, int maximumLeases, CancellationToken cancellation)
    {
        lock (_gate)
        {
            MoveTo(cursor, slots);
            if (_cursor != cursor)
            {
                return ValueTask.FromResult<Lease?>(null);
            }

            var now = Now();
            foreach (var slot in missing.Where(s => s < _entries.Length))
            {
                var entry = _entries[slot];
                ExpireIfDue(entry, now);
                var held = entry.State is State.Leased or State.Completed;
                // One that counts as pushed was lost with its shard, one of the asking worker, which is idle, on the way to it.
                var lost = entry.State == State.Pushed || (held && entry.Owner == workerId);
                var overdue = held && now - entry.Since > Overdue * _usual[Kind(cursor)] && entry.Live < maximumLeases;
                if (entry.State == State.Free || lost || overdue)
                {
                    _speculative += held && !lost ? 1 : 0;
                    entry.Contested |= entry.State != State.Free;
                    return ValueTask.FromResult<Lease?>(Grant(entry, slot, workerId, now));
                }
            }

            return ValueTask.FromResult<Lease?>(null);
        }
    }

    public ValueTask<int> FreeWorkerAsync(string workerId, bool avoids, CancellationToken cancellation)
    {
        lock (_gate)
        {
            var freed = 0;
            foreach (var entry in _entries.Where(e => e.Owner == workerId && (e.State is State.Leased or State.Completed)))
            {
                entry.Free(avoids);
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
            Array.Clear(_usual);
            (_granted, _expired, _speculative) = (0, 0, 0);
        }
    }

    private static int Kind(Cursor cursor) => cursor.Attempt == Cursor.Evaluation ? 1 : 0;

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();

    private void MoveTo(Cursor cursor, int slots)
    {
        if (_cursor is not { } current || current < cursor)
        {
            _cursor = cursor;
            _entries = [.. Enumerable.Range(0, slots).Select(_ => new Entry())];
        }
    }

    private void Observe(Cursor cursor, long took)
    {
        ref var usual = ref _usual[Kind(cursor)];
        var next = usual is { } before ? before + (Weight * (took - before)) : took;
        // To the microsecond, as it is written in Redis.
        usual = Math.Floor((next * 1000) + 0.5) / 1000;
    }

    private Lease? LeaseFree(string workerId)
    {
        var now = Now();
        int? avoided = null;
        for (var slot = 0; slot < _entries.Length; slot++)
        {
            var entry = _entries[slot];
            ExpireIfDue(entry, now);
            if (entry.State == State.Free && entry.Owner != workerId)
            {
                return Grant(entry, slot, workerId, now);
            }

            avoided ??= entry.State == State.Free ? slot : null;
        }

        return avoided is { } last ? Grant(_entries[last], last, workerId, now) : null;
    }

    private Lease Grant(Entry entry, int slot, string workerId, long now)
    {
        entry.Contested |= entry.Granted > 0;
        entry.Granted++;
        entry.Live++;
        entry.Owner = workerId;
        entry.State = State.Leased;
        entry.Since = now;
        entry.Deadline = now + _durationMs;
        _granted++;
        return new(slot, entry.Contested, _duration);
    }

    private void ExpireIfDue(Entry entry, long now)
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
        /// <value>Who has it or, where it is free, avoids it.</value>
        public string? Owner { get; set; }
        /// <value>When it was leased or, once completed, that; milliseconds of the Unix epoch, as the deadline.</value>
        public long Since { get; set; }
        public long Deadline { get; set; }
        /// <value>Leases granted in this attempt.</value>
        public int Granted { get; set; }
        /// <value>Leases granted since it was last free.</value>
        public int Live { get; set; }
        public bool Contested { get; set; }

        public void Free(bool isAvoided = false)
        {
            State = State.Free;
            Contested = true;
            Owner = isAvoided ? Owner : null;
            Live = 0;
        }
    }
}

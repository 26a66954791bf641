using Lockstep.Core.Protocol;

namespace Lockstep.Core.Grants;

/// <summary>
/// The coordinator's memory of who computes which slot. A grant is a hint: the shards' bitmaps decide what counts, so that nothing here can change a result, only how soon it is there.
/// A state machine without clock, threads or I/O: callers serialise the calls, tell the time, and send the orders that each call returns, in order.
/// Holds the versions from the lowest of any shard to the coordinator's own: two at the most, as no shard computes v + 2 before all have v + 1.
/// </summary>
/// <param name="slots">M.</param>
/// <param name="evaluationSlots">Slots of the evaluation of a version; 0: there is none.</param>
public sealed class GrantTable(int slots, int evaluationSlots)
{
    private readonly SortedDictionary<long, GrantSession> _sessions = [];
    private readonly SortedDictionary<Cursor, GrantedSlot[]> _table = [];
    // What workers left behind, by worker: cleared with the step.
    private readonly Dictionary<string, AbandonedSlots> _abandoned = new(StringComparer.Ordinal);
    private readonly GrantPatience _patience = new();
    private readonly GrantPatience _evaluationPatience = new();
    private long _number;

    public GrantCounts Counts { get; private set; }

    /// <summary>A stream is there. Its worker gets slots once it says that it holds a version.</summary>
    /// <param name="session">Never used before.</param>
    public void Join(long session, string worker) => _sessions.Add(session, new GrantSession(session, worker));

    /// <summary>The worker is about to go: what it has not begun is free, and it is granted nothing more.</summary>
    /// <returns>How many slots are free again.</returns>
    public int Leave(long session)
    {
        if (!_sessions.TryGetValue(session, out GrantSession? leaving))
        {
            return 0;
        }

        leaving.IsLeaving = true;
        return Remove(leaving, holding => !holding.IsBegun && !holding.IsContributed);
    }

    /// <summary>A stream ended: nothing is in its worker's hand any more. What it had in hand others try first: whatever ended the stream may have come of that.</summary>
    /// <returns>What it left undone; null: nothing, or it had said that it leaves.</returns>
    public AbandonedSlots? Lose(long session)
    {
        if (!_sessions.Remove(session, out GrantSession? lost))
        {
            return null;
        }

        AbandonedSlots? undone = InHandOf(lost);
        Remove(lost, _ => true);
        if (undone is not { } left || lost.IsLeaving)
        {
            return null;
        }

        _table[left.Cursor][left.Slot].AvoidFrom(lost.Worker);
        _abandoned[lost.Worker] = left;
        return left;
    }

    /// <summary>What a worker has in hand, or left behind in a step that is not over.</summary>
    public AbandonedSlots? InHand(string worker)
    {
        foreach (GrantSession session in _sessions.Values.Where(s => s.Worker == worker))
        {
            return session.IsLeaving ? null : InHandOf(session);
        }

        return _abandoned.TryGetValue(worker, out AbandonedSlots left) ? left : null;
    }

    /// <summary>A worker began with a slot.</summary>
    public void Begin(long session, Cursor cursor, int slot)
    {
        if (_sessions.TryGetValue(session, out GrantSession? from))
        {
            from.Holds(cursor);
        }

        if (Of(session, cursor, slot) is { } holding)
        {
            holding.IsBegun = true;
        }
    }

    /// <summary>A contribution of a worker, or its part of an evaluation, is in at the coordinator.</summary>
    /// <param name="slotMs">Mean time of a slot, milliseconds, as the worker says; 0: not known.</param>
    public void Contribute(long session, Cursor cursor, IEnumerable<int> members, double slotMs, TimeSpan now)
    {
        if (!_sessions.TryGetValue(session, out GrantSession? from))
        {
            return;
        }

        from.Holds(cursor);
        Holding[] held = [.. members.Select(slot => Of(session, cursor, slot)).OfType<Holding>()];
        foreach (Holding holding in held)
        {
            holding.IsContributed = true;
        }

        if (double.IsFinite(slotMs) && slotMs > 0 && held.Length > 0)
        {
            slotMs = PatienceAt(cursor).Took(slotMs, held.Max(h => h.Place) + 1, now - held.Min(h => h.Since));
            if (cursor.Attempt != Cursor.Evaluation)
            {
                from.Took(slotMs);
            }
        }
    }

    /// <summary>A worker could not compute a slot; others are to try it first.</summary>
    public void Fail(long session, Cursor cursor, int slot)
    {
        if (_sessions.TryGetValue(session, out GrantSession? from) && Slot(cursor, slot) is { } granted)
        {
            granted.AvoidFrom(from.Worker);
        }
    }

    /// <summary>A worker has all streams, holds a version and has nothing in hand: all that it held there has ended. What it contributed is in soon where it is not known to be in yet, and not free.</summary>
    /// <param name="cursor">The version; its attempt does not count.</param>
    /// <param name="newest">Number of the newest grant that it has seen; where another is on its way, it is not idle.</param>
    public void Idle(long session, Cursor cursor, long newest, TimeSpan now)
    {
        if (!_sessions.TryGetValue(session, out GrantSession? idle))
        {
            return;
        }

        idle.Holds(cursor);
        // What was granted of the next version already is still to come.
        foreach (GrantedSlot slot in _table.Where(t => (t.Key.Generation, t.Key.Step).CompareTo((cursor.Generation, cursor.Step)) <= 0).SelectMany(t => t.Value))
        {
            // What is awaited already is so since then: else the same slot would be the longest in hand again and again.
            if (slot.Holders.Find(h => h.Session == idle && h.Grant <= newest && !h.IsAwaited) is { } held)
            {
                slot.Holders.Remove(held);
                if (held.IsContributed)
                {
                    slot.Holders.Add(new Holding(idle, now, held.Grant, 0) { IsContributed = true, IsAwaited = true });
                }
            }
        }

        idle.IdleAt = newest >= idle.Newest ? (cursor.Generation, cursor.Step) : null;
    }

    /// <summary>The job came to a cursor: its slots are divided among the workers that hold the version or the one before.</summary>
    /// <param name="missing">Slots that are not in.</param>
    public IReadOnlyList<GrantOrder> Divide(Cursor cursor, IReadOnlyList<int> missing, TimeSpan now)
    {
        GrantedSlot[] table = Table(cursor);
        int[] free = [.. missing.Where(slot => !table[slot].WasGranted)];
        GrantSession[] present = [.. _sessions.Values.Where(s => s.IsNear(cursor))];
        var orders = new List<GrantOrder>();
        if (free.Length > 0 && present.Length > 0)
        {
            int[] shares = SlotDivision.Shares(free.Length, [.. present.Select(s => s.SlotMs)]);
            int from = 0;
            for (int i = 0; i < present.Length; from += shares[i], i++)
            {
                if (shares[i] > 0)
                {
                    orders.Add(Grant(present[i], cursor, free[from..(from + shares[i])], now));
                }
                else if (free.Length >= present.Length)
                {
                    present[i].WasLeftOut();
                }
            }
        }

        return orders;
    }

    /// <summary>Gives what is missing to who is idle: what is free, then what is overdue, then what another worker has not begun. Who could not do a slot gets it only where nobody else is idle.</summary>
    /// <param name="cursor">The lowest of any shard.</param>
    /// <param name="missing">Slots that some shard lacks.</param>
    public IReadOnlyList<GrantOrder> Match(Cursor cursor, IReadOnlyList<int> missing, TimeSpan now)
    {
        var orders = new List<GrantOrder>();
        GrantedSlot[] table = Table(cursor);
        GrantSession[] idle = [.. _sessions.Values.Where(s => !s.IsLeaving && s.IdleAt == (cursor.Generation, cursor.Step))];
        for (int i = 0; i < idle.Length; i++)
        {
            GrantSession session = idle[i];
            int[] free = [.. missing.Where(slot => table[slot].Holders.Count == 0 && (!table[slot].IsAvoidedBy(session.Worker) || idle.All(other => table[slot].IsAvoidedBy(other.Worker))))];
            if (free.Length > 0)
            {
                // Others that are idle get their part.
                orders.Add(Grant(session, cursor, free[..((free.Length + idle.Length - i - 1) / (idle.Length - i))], now));
            }
            else if (missing.Where(slot => table[slot].Holders.Count > 0 && IsOverdue(cursor, table[slot], now)).ToArray() is { Length: > 0 } late)
            {
                // The one that is longest in hand, so that who comes next takes another.
                orders.Add(Grant(session, cursor, [late.MinBy(slot => table[slot].Holders[^1].Since)], now));
            }
            else if (Steal(cursor, table, missing, now) is { Slots.Length: > 0 } stolen)
            {
                foreach (int slot in stolen.Slots)
                {
                    table[slot].Holders.Clear();
                }

                Counts = Counts with { Revoked = Counts.Revoked + stolen.Slots.Length };
                orders.Add(new GrantOrder(stolen.From!.Id, cursor, stolen.Slots, 0));
                orders.Add(Grant(session, cursor, stolen.Slots, now));
            }
        }

        return orders;
    }

    /// <summary>When <see cref="Match"/> may find more without anything having happened; null: never, as nobody is idle or nothing is in hand.</summary>
    public TimeSpan? NextMatch(Cursor cursor, IReadOnlyList<int> missing)
    {
        if (!_sessions.Values.Any(s => !s.IsLeaving && s.IdleAt == (cursor.Generation, cursor.Step)))
        {
            return null;
        }

        GrantedSlot[] table = Table(cursor);
        return missing.Where(slot => table[slot].Holders.Count > 0).Select(slot => (TimeSpan?)DueAt(cursor, table[slot])).Min();
    }

    /// <summary>All shards are at a cursor or past it: what was granted for older ones is forgotten.</summary>
    public void Forget(Cursor before)
    {
        foreach (Cursor old in _table.Keys.Where(c => c.Generation != before.Generation || c.Step < before.Step).ToArray())
        {
            _table.Remove(old);
        }

        foreach (string worker in _abandoned.Where(a => a.Value.Cursor.Generation != before.Generation || a.Value.Cursor.Step < before.Step).Select(a => a.Key).ToArray())
        {
            _abandoned.Remove(worker);
        }
    }

    /// <summary>For people: the streams and what each has in hand.</summary>
    public override string ToString() => string.Join(", ", _sessions.Values.Select(s =>
        $"{s.Worker} {(s.IdleAt is { } at ? $"idle at {at.Generation}.{at.Step}" : "at work")}{string.Concat(_table.Select(t => $" {t.Key}: [{string.Join(' ', Enumerable.Range(0, t.Value.Length).SelectMany(slot => t.Value[slot].Holders.Where(h => h.Session == s).Select(h => $"{slot}{(h.IsBegun ? " begun" : "")}{(h.IsContributed ? " contributed" : "")}")))}]"))}"));

    private GrantedSlot[] Table(Cursor cursor)
    {
        if (!_table.TryGetValue(cursor, out GrantedSlot[]? table))
        {
            var made = new GrantedSlot[cursor.Attempt == Cursor.Evaluation ? evaluationSlots : slots];
            for (int i = 0; i < made.Length; i++)
            {
                made[i] = new GrantedSlot();
            }

            _table[cursor] = table = made;
        }

        return table;
    }

    private GrantOrder Grant(GrantSession session, Cursor cursor, int[] granted, TimeSpan now)
    {
        GrantedSlot[] table = Table(cursor);
        long number = ++_number;
        session.Newest = number;
        session.IdleAt = null;
        int repeated = 0;
        for (int place = 0; place < granted.Length; place++)
        {
            GrantedSlot slot = table[granted[place]];
            repeated += slot.WasGranted ? 1 : 0;
            slot.WasGranted = true;
            slot.Holders.RemoveAll(h => h.Session == session);
            slot.Holders.Add(new Holding(session, now, number, place));
        }

        Counts = Counts with { Granted = Counts.Granted + granted.Length, Repeated = Counts.Repeated + repeated };
        return new GrantOrder(session.Id, cursor, granted, number);
    }

    /// <summary>Half of what the worker with most to do has surely not begun, from its end.</summary>
    private (GrantSession? From, int[] Slots) Steal(Cursor cursor, GrantedSlot[] table, IReadOnlyList<int> missing, TimeSpan now)
    {
        double usual = PatienceAt(cursor).SlotMs;
        (GrantSession? From, int[] Slots) best = (null, []);
        foreach (IGrouping<GrantSession, int> held in missing.Where(slot => table[slot].Holders is [{ IsContributed: false }]).GroupBy(slot => table[slot].Holders[0].Session))
        {
            int[] ordered = [.. held.OrderBy(slot => table[slot].Holders[0].Grant).ThenBy(slot => table[slot].Holders[0].Place)];
            int begun = Array.FindLastIndex(ordered, slot => table[slot].Holders[0].IsBegun) + 1;
            // Who says nothing of its progress is as far as the usual time makes it, and one slot further.
            double guess = usual > 0 ? 2 + ((now - table[ordered[0]].Holders[0].Since).TotalMilliseconds / usual) : ordered.Length;
            int sure = begun > 0 ? begun : (int)Math.Min(ordered.Length, guess);
            int[] stealable = ordered[sure..];
            if (stealable.Length > best.Slots.Length)
            {
                best = (held.Key, stealable);
            }
        }

        return (best.From, best.Slots[(best.Slots.Length / 2)..]);
    }

    private bool IsOverdue(Cursor cursor, GrantedSlot slot, TimeSpan now) => now >= DueAt(cursor, slot);

    /// <summary>When a slot is overdue: counted from the newest grant, since who got it last may be about to bring it.</summary>
    private TimeSpan DueAt(Cursor cursor, GrantedSlot slot)
    {
        Holding newest = slot.Holders[^1];
        return newest.Since + PatienceAt(cursor).For(newest.Place);
    }

    private GrantPatience PatienceAt(Cursor cursor) => cursor.Attempt == Cursor.Evaluation ? _evaluationPatience : _patience;

    private AbandonedSlots? InHandOf(GrantSession session)
    {
        int freed = 0;
        (Cursor Cursor, int Slot, Holding Holding)? first = null;
        foreach ((Cursor cursor, GrantedSlot[] table) in _table)
        {
            for (int slot = 0; slot < table.Length; slot++)
            {
                foreach (Holding holding in table[slot].Holders)
                {
                    if (holding.Session == session && !holding.IsContributed)
                    {
                        freed++;
                        if (first is not { } known || (holding.Grant, holding.Place).CompareTo((known.Holding.Grant, known.Holding.Place)) < 0)
                        {
                            first = (cursor, slot, holding);
                        }
                    }
                }
            }
        }

        return first is { } found ? new AbandonedSlots(found.Cursor, found.Slot, freed) : null;
    }

    private int Remove(GrantSession session, Predicate<Holding> which)
    {
        int removed = 0;
        foreach (GrantedSlot[] table in _table.Values)
        {
            foreach (GrantedSlot slot in table)
            {
                removed += slot.Holders.RemoveAll(h => h.Session == session && which(h));
            }
        }

        return removed;
    }

    private GrantedSlot? Slot(Cursor cursor, int slot) => _table.TryGetValue(cursor, out GrantedSlot[]? table) && slot >= 0 && slot < table.Length ? table[slot] : null;

    private Holding? Of(long session, Cursor cursor, int slot) => Slot(cursor, slot)?.Holders.Find(h => h.Session.Id == session);
}

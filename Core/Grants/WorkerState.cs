using Lockstep.Core.Protocol;

namespace Lockstep.Core.Grants;

/// <summary>A slot to be computed.</summary>
/// <param name="Cursor">Attempt 0: of the step; <see cref="Cursor.Evaluation"/>: of the evaluation of the version.</param>
/// <param name="Alone">It is pushed by itself: in a group some shard refused it.</param>
public readonly record struct SlotWork(Cursor Cursor, int Slot, bool Alone)
{
    public bool IsEvaluation => Cursor.Attempt == Cursor.Evaluation;
}

/// <summary>What becomes of a slot that was computed.</summary>
public enum SlotUse
{
    /// <summary>Nothing: it was revoked meanwhile.</summary>
    None = 0,
    /// <summary>It joins the sum of the group.</summary>
    Group = 1,
    /// <summary>It is pushed by itself.</summary>
    Alone = 2,
    /// <summary>It is reported to the coordinator.</summary>
    Evaluation = 3,
}

/// <summary>
/// A worker's side of the step protocol: which version to load, which slot to compute, what to push, when to say that nothing is in hand.
/// A state machine without clock, threads or I/O. Callers serialise the calls: between two slots the messages that came are told, then the questions are asked.
/// </summary>
/// <param name="shards">Streams of the job, one a shard; the coordinator's is number 0.</param>
public sealed class WorkerState(int shards)
{
    /// <summary>A shard offers its newest version and the one before.</summary>
    private const int OffersKept = 4;

    private readonly Side[] _sides = [.. Enumerable.Range(0, shards).Select(_ => new Side())];
    private readonly List<SlotWork> _todo = [];
    // Grants that came before their version: of the next version only, as no shard goes further without this worker's knowledge.
    private readonly SortedDictionary<Cursor, List<int>> _later = [];
    private readonly SortedSet<int> _group = [];
    private readonly Dictionary<long, PendingPush> _pushes = [];
    private SlotWork? _hand;
    private bool _isRevoked;
    private bool _isLeaving;
    private bool _saidIdle;
    private bool _isSkipped;
    private long _newestGrant;
    private long _pushed;

    /// <value>The version that is loaded, attempt 0; null: none yet.</value>
    public Cursor? Version { get; private set; }

    /// <value>Whether a push of the loaded version waits for an answer.</value>
    public bool AwaitsAnswers => _pushes.Values.Any(p => p.Version == Version);

    /// <summary>A stream to a shard is open.</summary>
    public void Connect(int shard)
    {
        _sides[shard].IsConnected = true;
        _saidIdle = false;
        if (shard == 0)
        {
            _newestGrant = 0;
        }
    }

    /// <summary>A stream ended. What was sent on it and not answered is not in; what the coordinator granted on it does not hold.</summary>
    /// <returns>Pushes that have all their answers now.</returns>
    public IReadOnlyList<PushEnd> Disconnect(int shard)
    {
        _sides[shard].IsConnected = false;
        if (shard == 0)
        {
            _todo.Clear();
            _later.Clear();
        }

        return [.. _pushes.Values.Where(p => p.Answers[shard] is null).ToArray().Select(p => Put(shard, p.Id, null)).OfType<PushEnd>()];
    }

    /// <summary>A shard offers a version.</summary>
    public void Offer(int shard, Cursor version)
    {
        SortedSet<Cursor> offers = _sides[shard].Offers;
        offers.Add(version with { Attempt = 0 });
        if (offers.Count > OffersKept)
        {
            offers.Remove(offers.Min);
        }
    }

    public void Grant(Cursor cursor, IEnumerable<int> slots, long number)
    {
        _newestGrant = number;
        _saidIdle = false;
        Cursor version = cursor with { Attempt = 0 };
        if (version == Version)
        {
            foreach (int slot in slots)
            {
                Take(new SlotWork(cursor, slot, false));
            }
        }
        else if (Version is not { } at || version > at)
        {
            if (!_later.TryGetValue(cursor, out List<int>? later))
            {
                _later[cursor] = later = [];
            }

            later.AddRange(slots);
        }
    }

    /// <summary>Another worker does these slots. One that is in a sum already stays there.</summary>
    public void Revoke(Cursor cursor, IReadOnlyList<int> slots)
    {
        _saidIdle = false;
        if (_later.TryGetValue(cursor, out List<int>? later))
        {
            later.RemoveAll(slots.Contains);
        }

        _todo.RemoveAll(w => w.Cursor == cursor && !w.Alone && slots.Contains(w.Slot));
        if (_hand is { } hand && hand.Cursor == cursor && slots.Contains(hand.Slot))
        {
            _isRevoked = true;
        }
    }

    /// <summary>Finish the slot in hand, push what there is, and take nothing more.</summary>
    public void Leave()
    {
        _isLeaving = true;
        _todo.Clear();
        _later.Clear();
    }

    /// <summary>The newest version that all shards offered, where it is newer than the one that is loaded. What was computed from that is dropped then: its step is over.</summary>
    /// <exception cref="InvalidOperationException">A slot is in hand.</exception>
    public bool TryLoad(out Cursor version)
    {
        if (_hand is not null)
        {
            throw new InvalidOperationException("A version is loaded between two slots, not within one.");
        }

        version = default;
        foreach (Cursor offered in _sides[0].Offers.Reverse())
        {
            if (Version is { } at && offered <= at)
            {
                return false;
            }

            if (_sides.All(side => side.Offers.Contains(offered)))
            {
                version = offered;
                Load(offered);
                return true;
            }
        }

        return false;
    }

    /// <summary>The next slot to compute.</summary>
    public bool TryBegin(out SlotWork work)
    {
        if (_hand is not null || _todo.Count == 0)
        {
            work = default;
            return false;
        }

        work = _todo[0];
        _todo.RemoveAt(0);
        _hand = work;
        _isRevoked = false;
        return true;
    }

    /// <summary>The slot in hand is computed.</summary>
    public SlotUse Finish()
    {
        SlotWork work = _hand ?? throw new InvalidOperationException("No slot is in hand.");
        _hand = null;
        if (_isRevoked || work.Cursor with { Attempt = 0 } != Version)
        {
            return SlotUse.None;
        }

        if (work.IsEvaluation)
        {
            return SlotUse.Evaluation;
        }

        if (work.Alone)
        {
            return SlotUse.Alone;
        }

        _group.Add(work.Slot);
        return SlotUse.Group;
    }

    /// <summary>Whether the group is to be pushed now: nothing is left that would join it.</summary>
    public bool TryPush(out IReadOnlyList<int> slots)
    {
        slots = [];
        if (_hand is not null || _group.Count == 0 || _todo.Exists(w => !w.IsEvaluation && !w.Alone))
        {
            return false;
        }

        slots = TakeGroup();
        return true;
    }

    /// <summary>The slots of the group, which is empty then.</summary>
    public IReadOnlyList<int> TakeGroup()
    {
        int[] slots = [.. _group];
        _group.Clear();
        return slots;
    }

    /// <summary>A slot did not join the sum after all: it is reported by itself.</summary>
    public void Spoil(int slot) => _group.Remove(slot);

    /// <summary>A push goes out, on the streams that are open: the others count as answered.</summary>
    /// <param name="ended">Set where no stream is open: it has all answers.</param>
    /// <returns>Its number.</returns>
    public long Push(IReadOnlyList<int> slots, out PushEnd? ended)
    {
        Cursor version = Version ?? throw new InvalidOperationException("Nothing can be pushed before a version was loaded.");
        var push = new PendingPush(++_pushed, version, slots, new PushAnswer?[_sides.Length]);
        _pushes.Add(push.Id, push);
        ended = null;
        for (int shard = 0; shard < _sides.Length; shard++)
        {
            if (!_sides[shard].IsConnected)
            {
                ended = Put(shard, push.Id, null);
            }
        }

        return push.Id;
    }

    /// <summary>A shard answered a push.</summary>
    /// <returns>What came of it, once all shards have answered; null: not yet, or it is not known here.</returns>
    public PushEnd? Answer(int shard, long push, PushResult result) => Put(shard, push, new PushAnswer(result));

    /// <summary>Whether to say to the coordinator that nothing is in hand; once in each state.</summary>
    /// <param name="newestGrant">Number of the newest grant that came.</param>
    public bool TryIdle(out Cursor version, out long newestGrant)
    {
        version = Version.GetValueOrDefault();
        newestGrant = _newestGrant;
        if (_saidIdle || _isLeaving || _isSkipped || Version is null || _hand is not null || _todo.Count > 0 || _group.Count > 0 || AwaitsAnswers || !_sides.All(s => s.IsConnected))
        {
            return false;
        }

        _saidIdle = true;
        return true;
    }

    /// <summary>The version that was loaded last is of no use: its step is over, and its values were overwritten while they were read. A newer one follows.</summary>
    public void Skip()
    {
        _isSkipped = true;
        _todo.Clear();
    }

    private void Load(Cursor version)
    {
        Version = version;
        _isSkipped = false;
        _group.Clear();
        _todo.Clear();
        _saidIdle = false;
        foreach (Cursor cursor in _later.Keys.Where(c => c with { Attempt = 0 } <= version).ToArray())
        {
            if (cursor with { Attempt = 0 } == version)
            {
                _todo.AddRange(_later[cursor].Select(slot => new SlotWork(cursor, slot, false)));
            }

            _later.Remove(cursor);
        }
    }

    private void Take(SlotWork work)
    {
        bool isHere = _todo.Exists(w => w.Cursor == work.Cursor && w.Slot == work.Slot)
            || (_hand is { } hand && hand.Cursor == work.Cursor && hand.Slot == work.Slot && !_isRevoked)
            || (!work.IsEvaluation && _group.Contains(work.Slot));
        if (!isHere && !_isLeaving && !_isSkipped)
        {
            _todo.Add(work);
        }
    }

    private PushEnd? Put(int shard, long id, PushAnswer? answer)
    {
        if (!_pushes.TryGetValue(id, out PendingPush? push) || push.Answers[shard] is not null)
        {
            return null;
        }

        push.Answers[shard] = answer ?? new PushAnswer(null);
        if (push.Answers.Contains(null))
        {
            return null;
        }

        _pushes.Remove(id);
        _saidIdle = false;
        PushResult[] results = [.. push.Answers.Select(a => a!.Result).OfType<PushResult>()];
        bool isCurrent = push.Version == Version;
        if (isCurrent && results.Any(r => r.Status == PushStatus.Refused))
        {
            // What some chunk lacks goes by itself: a single slot is in, or not, and never in part.
            foreach (int slot in results.Where(r => r.Status == PushStatus.Refused).SelectMany(r => r.Missing).Where(push.Slots.Contains).Distinct().Order())
            {
                Take(new SlotWork(push.Version, slot, true));
            }
        }

        return new PushEnd(id, push.Version, push.Slots, push.Answers.All(a => a!.Result is not null), results);
    }

    private sealed class Side
    {
        public bool IsConnected { get; set; }
        public SortedSet<Cursor> Offers { get; } = [];
    }

    /// <param name="Result">Null: the stream ended before.</param>
    private sealed record PushAnswer(PushResult? Result);

    private sealed record PendingPush(long Id, Cursor Version, IReadOnlyList<int> Slots, PushAnswer?[] Answers);
}

/// <summary>A push that all shards answered, or whose streams ended.</summary>
/// <param name="IsAnswered">All shards answered: its memory is free. False: nobody knows who still reads it.</param>
/// <param name="Results">Of the shards that answered.</param>
public sealed record PushEnd(long Id, Cursor Version, IReadOnlyList<int> Slots, bool IsAnswered, IReadOnlyList<PushResult> Results);

using Lockstep.Core.Codec;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Protocol;

/// <summary>
/// The step in hand on one shard: takes contributions until all slots are in.
/// Slots are kept per chunk, and a chunk of a contribution is added whole or not at all. Callers serialise the calls, but for what says otherwise.
/// </summary>
public sealed class StepIntake
{
    private readonly JobDescriptor _descriptor;
    private readonly int _shard;
    private readonly IReadOnlyList<Chunk> _chunks;
    private readonly StepSums _sums;
    private readonly ContributionCheck _check;
    private readonly SlotReport?[] _reports;
    private readonly string[] _slotWorkers;
    // By slot: the workers that say so, in this step.
    private readonly Dictionary<int, HashSet<string>> _notFinite = [];
    private Cursor _cursor;
    // Of the version that the step begins with; null: nothing is taken, as there is no version yet or no step any more.
    private short[]? _hints;

    /// <param name="chunks">Of the shard.</param>
    internal StepIntake(JobDescriptor descriptor, int shard, IReadOnlyList<Chunk> chunks, StepSums sums)
    {
        _descriptor = descriptor;
        _shard = shard;
        _chunks = chunks;
        _sums = sums;
        _check = new ContributionCheck(descriptor, shard, chunks.Count);
        _reports = new SlotReport?[descriptor.Slots];
        _slotWorkers = new string[descriptor.Slots];
        Array.Fill(_slotWorkers, "");
    }

    /// <value>Since the last version.</value>
    public StepCounters Counters { get; private set; } = new();

    /// <summary>Begins a step.</summary>
    /// <param name="hints">Of the version that it begins with; null: there is no such step.</param>
    internal void Begin(Cursor cursor, short[]? hints) => (_cursor, _hints) = (cursor, hints);

    /// <summary>Forgets a step that is done.</summary>
    internal void Clear()
    {
        Counters = new StepCounters();
        _sums.Clear();
        _notFinite.Clear();
        Array.Clear(_reports);
        Array.Fill(_slotWorkers, "");
    }

    /// <summary>What happened in the step, all slots of which are in.</summary>
    /// <param name="learningRate">Of the step.</param>
    internal CommittedStep Report(double learningRate) => new(_cursor, learningRate, [.. _reports.Select(r => r!)], [.. _slotWorkers], Counters);

    /// <summary>Slots that some chunk lacks.</summary>
    internal IReadOnlyList<int> Missing() => [.. Enumerable.Range(0, _descriptor.Slots).Where(_sums.Lacks)];

    /// <summary>What is to be done now; the same on every shard that has all slots, whatever came first.</summary>
    public StepDecision Decide()
    {
        if (_hints is null)
        {
            return StepDecision.Wait;
        }

        if (_notFinite.Values.Any(IsConfirmed))
        {
            return StepDecision.NotFinite;
        }

        return _sums.IsWhole ? StepDecision.Update : StepDecision.Wait;
    }

    /// <summary>The slots that were not finite wherever they were computed.</summary>
    public IReadOnlyList<int> NotFiniteSlots() => [.. _notFinite.Where(slot => IsConfirmed(slot.Value)).Select(slot => slot.Key).Order()];

    /// <summary>Begins to take a contribution.</summary>
    /// <exception cref="ProtocolException">It does not fit the job; what is wrong is named.</exception>
    public PushTicket BeginPush(Contribution header)
    {
        _check.Require(header);
        return new PushTicket(header, new SlotSet(_descriptor.Slots, header.Reports.Select(r => r.Slot)), _chunks.Count, header.Cursor == _cursor ? _hints : null);
    }

    /// <summary>Adds a chunk whole, or leaves it where its slots are in already or overlap.</summary>
    /// <returns>Whether it was added.</returns>
    /// <exception cref="ProtocolException">It cannot be what it says; what is wrong is named.</exception>
    public bool AddChunk(PushTicket ticket, in ChunkSum chunk)
    {
        if (!Admits(ticket, chunk))
        {
            return false;
        }

        string? fault = Check(ticket, chunk);
        if (!Claim(ticket, chunk, fault))
        {
            return false;
        }

        Accumulate(ticket, chunk);
        Done(ticket);
        return true;
    }

    /// <summary>First of four parts of <see cref="AddChunk"/>, so that only short ones need the callers' order: whether the chunk is worth a look.</summary>
    public bool Admits(PushTicket ticket, in ChunkSum chunk)
    {
        int index = _sums.IndexOf(chunk.Chunk);
        if (index < 0)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {_descriptor.JobId}: chunk {chunk.Chunk} is not one of shard {_shard}.");
        }

        if (ticket.IsNotFinite)
        {
            throw _check.Invalid(ticket.Header, "a slot that is not finite comes with a sum");
        }

        if (!ticket.Delivered.Add(index))
        {
            throw _check.Invalid(ticket.Header, $"chunk {chunk.Chunk} comes twice");
        }

        return IsCurrent(ticket) && !IsRefused(ticket, index);
    }

    /// <summary>Second part, at any time: looks through the numbers.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    public string? Check(PushTicket ticket, in ChunkSum chunk) => _sums.Check(_sums.IndexOf(chunk.Chunk), chunk, ticket.Header.Reports, ticket.Hints);

    /// <summary>Third part: takes the chunk's slots for this contribution. Where that succeeds, no version is made before <see cref="Done"/>.</summary>
    /// <param name="fault">Of <see cref="Check"/>.</param>
    public bool Claim(PushTicket ticket, in ChunkSum chunk, string? fault)
    {
        int index = _sums.IndexOf(chunk.Chunk);
        if (!IsCurrent(ticket) || IsRefused(ticket, index))
        {
            return false;
        }

        if (fault is not null)
        {
            throw _check.Invalid(ticket.Header, fault);
        }

        _sums.TryClaim(index, ticket.Slots, ticket.Header.Reports);
        TakeNote(ticket, index);
        return true;
    }

    /// <summary>Fourth part, at any time: adds the sums of a claimed chunk.</summary>
    /// <exception cref="ProtocolException">There is no memory left for escapes: the job cannot go on.</exception>
    public void Accumulate(PushTicket ticket, in ChunkSum chunk) => _sums.Add(_sums.IndexOf(chunk.Chunk), chunk, ticket.Hints);

    /// <summary>A claimed chunk was added.</summary>
    public void Done(PushTicket ticket)
    {
        _sums.Done();
        ticket.Taken++;
        Through(ticket);
    }

    /// <summary>Answers a push all of whose chunks were added.</summary>
    /// <exception cref="ProtocolException">A chunk of the shard did not come.</exception>
    public PushResult EndPush(PushTicket ticket)
    {
        if (!ticket.IsNotFinite && ticket.Delivered.Count != _chunks.Count)
        {
            throw _check.Invalid(ticket.Header, $"{ticket.Delivered.Count} of {_chunks.Count} chunks came");
        }

        if (!IsCurrent(ticket))
        {
            Counters.Stale += ticket.IsCounted ? 0 : 1;
            return new(ticket.IsCounted ? PushStatus.Accepted : PushStatus.Stale, _cursor, [], []);
        }

        if (ticket.IsNotFinite)
        {
            return EndNotFinite(ticket);
        }

        if (_chunks.Count == 0 && !IsRefused(ticket, 0) && _sums.TryTakeWithoutChunks(ticket.Slots))
        {
            TakeNote(ticket, 0);
            ticket.Taken++;
            CountIfAccepted(ticket);
        }

        int[] missing = [.. ticket.Slots.Members().Where(_sums.Lacks)];
        int[] mismatched = [.. ticket.Mismatched];
        Counters.Mismatched += mismatched.Length;
        PushStatus status;
        if (ticket.RefusedChunks > 0)
        {
            status = PushStatus.Refused;
            Counters.Refused++;
        }
        else if (ticket.IsCounted)
        {
            status = PushStatus.Accepted;
        }
        else
        {
            status = PushStatus.Duplicate;
            Counters.Duplicate++;
        }

        return new(status, _cursor, missing, mismatched);
    }

    private bool IsCurrent(PushTicket ticket) => ticket.Hints is not null && _hints is not null && ticket.Header.Cursor == _cursor;

    /// <summary>Whether a chunk has some of a contribution's slots already; takes note of it.</summary>
    private bool IsRefused(PushTicket ticket, int index)
    {
        if (!_sums.HasAny(index, ticket.Slots))
        {
            return false;
        }

        if (!_sums.Contains(index, ticket.Slots))
        {
            ticket.RefusedChunks++;
        }

        _sums.Compare(index, ticket.Header.Reports, ticket.Mismatched);
        Through(ticket);
        return true;
    }

    private void Through(PushTicket ticket)
    {
        if (++ticket.Through == _chunks.Count)
        {
            CountIfAccepted(ticket);
        }
    }

    private void TakeNote(PushTicket ticket, int index)
    {
        if (index == 0)
        {
            // Two may bring a slot at once, one chunk the one and one the other; to the first chunk each slot comes once.
            Counters.GroupSizes.Add(ticket.Slots.Count);
        }

        foreach (SlotReport report in ticket.Header.Reports)
        {
            if (_reports[report.Slot] is null)
            {
                _reports[report.Slot] = report;
                _slotWorkers[report.Slot] = ticket.Header.WorkerId;
            }
        }
    }

    /// <summary>Counts a push with its last chunk, not with its answer: once all chunks of all slots are in, the next version may be made before the answer is asked for.</summary>
    private void CountIfAccepted(PushTicket ticket)
    {
        if (ticket is { Taken: > 0, RefusedChunks: 0 })
        {
            ticket.IsCounted = true;
            Counters.Accepted++;
            Counters.SyncMs = Math.Max(Counters.SyncMs, double.IsFinite(ticket.Header.SyncMs) ? ticket.Header.SyncMs : 0);
        }
    }

    /// <summary>Takes note of who says that which slots are not finite, once a worker.</summary>
    private PushResult EndNotFinite(PushTicket ticket)
    {
        int slot = ticket.Header.Reports[0].Slot;
        if (!_notFinite.TryGetValue(slot, out HashSet<string>? workers))
        {
            _notFinite[slot] = workers = new HashSet<string>(StringComparer.Ordinal);
        }

        workers.Add(ticket.Header.WorkerId);
        Counters.Refused++;
        return new(PushStatus.NotFinite, _cursor, _sums.Lacks(slot) ? [slot] : [], []);
    }

    private static bool IsConfirmed(HashSet<string> workers) => workers.Count > 1;
}

using Lockstep.Core.Codec;
using System.Numerics.Tensors;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Protocol;

public sealed partial class ShardJob
{
    /// <value>Since the last version.</value>
    public StepCounters Counters { get; private set; } = new();

    /// <summary>Begins to take a contribution.</summary>
    /// <exception cref="ProtocolException">It does not fit the job; what is wrong is named.</exception>
    public PushTicket BeginPush(Contribution header)
    {
        Validate(header);
        return new PushTicket(header, new SlotSet(Descriptor.Slots, header.Reports.Select(r => r.Slot)), _chunks.Count, HasValues && header.Cursor == Cursor && !Finished);
    }

    /// <summary>Adds a chunk whole, or leaves it where its slots are in already or overlap.</summary>
    /// <returns>Whether it was added.</returns>
    public bool AddChunk(PushTicket ticket, in ChunkSum chunk)
    {
        bool added = AddIfNew(ticket, chunk);
        if (ticket.Delivered.Count == _chunks.Count && IsCurrent(ticket))
        {
            CountIfAccepted(ticket);
        }

        return added;
    }

    private bool AddIfNew(PushTicket ticket, in ChunkSum chunk)
    {
        int index = IndexOf(chunk.Chunk);
        Chunk place = _chunks[index];
        if (!ticket.Delivered.Add(index))
        {
            throw Invalid(ticket.Header, $"chunk {chunk.Chunk} comes twice");
        }

        if (!IsCurrent(ticket))
        {
            return false;
        }

        int expected = Measures && chunk.Sums.Length == 0 ? 0 : place.Length;
        if (chunk.Sums.Length != expected || chunk.BlockMaxima.Length != place.BlockCount)
        {
            throw Invalid(ticket.Header, $"chunk {chunk.Chunk} has {place.Length} elements in {place.BlockCount} blocks, not {chunk.Sums.Length} in {chunk.BlockMaxima.Length}");
        }

        if (ticket.IsNotFinite || !Take(ticket, index))
        {
            return false;
        }

        if (!Measures)
        {
            TensorPrimitives.Add(chunk.Sums.Span, _sums.AsSpan(_chunkOffsets[index], place.Length), _sums.AsSpan(_chunkOffsets[index], place.Length));
        }

        Span<float> maxima = _maxima.AsSpan(_chunkBlockOffsets[index], place.BlockCount);
        TensorPrimitives.Max(chunk.BlockMaxima.Span, maxima, maxima);
        return true;
    }

    /// <summary>Answers a push all of whose chunks were added.</summary>
    /// <exception cref="ProtocolException">A chunk of the shard did not come.</exception>
    public PushResult EndPush(PushTicket ticket)
    {
        if (ticket.Delivered.Count != _chunks.Count)
        {
            throw Invalid(ticket.Header, $"{ticket.Delivered.Count} of {_chunks.Count} chunks came");
        }

        if (!IsCurrent(ticket))
        {
            Counters.Stale += ticket.IsCounted ? 0 : 1;
            return new(ticket.IsCounted ? PushStatus.Accepted : PushStatus.Stale, Cursor, [], []);
        }

        if (ticket.IsNotFinite)
        {
            return EndNotFinite(ticket);
        }

        if (_chunks.Count == 0)
        {
            Take(ticket, 0);
            CountIfAccepted(ticket);
        }

        int[] missing = [.. ticket.Slots.Members().Where(slot => _bitmaps.Any(b => !b.Contains(slot)))];
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

        return new(status, Cursor, missing, mismatched);
    }

    /// <summary>Counts a push with its last chunk, not with its answer: once all chunks of all slots are in, the next version may be made before the answer is asked for.</summary>
    private void CountIfAccepted(PushTicket ticket)
    {
        if (ticket is { LastTaken: >= 0, RefusedChunks: 0 })
        {
            ticket.IsCounted = true;
            Counters.Accepted++;
            Counters.SyncMs = Math.Max(Counters.SyncMs, double.IsFinite(ticket.Header.SyncMs) ? ticket.Header.SyncMs : 0);
        }
    }

    /// <summary>Takes note of who says that which slots are not finite, once a worker.</summary>
    private PushResult EndNotFinite(PushTicket ticket)
    {
        foreach (SlotReport report in ticket.Header.Reports.Where(r => r.Flags.HasFlag(SlotFlags.NonFinite)))
        {
            if (!_notFinite.TryGetValue(report.Slot, out HashSet<string>? workers))
            {
                _notFinite[report.Slot] = workers = new HashSet<string>(StringComparer.Ordinal);
            }

            workers.Add(ticket.Header.WorkerId);
        }

        Counters.Refused++;
        return new(PushStatus.NotFinite, Cursor, [.. ticket.Slots.Members().Where(slot => _bitmaps.Any(b => !b.Contains(slot)))], []);
    }

    private bool IsCurrent(PushTicket ticket) => ticket.WasCurrent && ticket.Header.Cursor == Cursor && !Finished;

    /// <returns>Whether the chunk is to be added.</returns>
    private bool Take(PushTicket ticket, int index)
    {
        SlotSet bitmap = _bitmaps[index];
        if (!ticket.Slots.IsDisjointFrom(bitmap))
        {
            if (!ticket.Slots.IsSubsetOf(bitmap))
            {
                ticket.RefusedChunks++;
            }

            CompareHashes(ticket, index);
            return false;
        }

        bitmap.UnionWith(ticket.Slots);
        if (index == 0)
        {
            // Two may bring a slot at once, one chunk the one and one the other; to the first chunk each slot comes once.
            Counters.GroupSizes.Add(ticket.Slots.Count);
        }

        foreach (SlotReport report in ticket.Header.Reports)
        {
            if (index < report.ChunkHashes.Count)
            {
                _hashes[index][report.Slot] = report.ChunkHashes[index];
            }

            if (_reports[report.Slot] is null)
            {
                _reports[report.Slot] = report;
                _slotWorkers[report.Slot] = ticket.Header.WorkerId;
            }
        }

        ticket.LastTaken = index;
        return true;
    }

    private void CompareHashes(PushTicket ticket, int index)
    {
        foreach (SlotReport report in ticket.Header.Reports)
        {
            if (index < report.ChunkHashes.Count && _bitmaps[index].Contains(report.Slot) && _hashes[index][report.Slot] != report.ChunkHashes[index])
            {
                ticket.Mismatched.Add(report.Slot);
            }
        }
    }

    private int IndexOf(int chunk)
    {
        for (int i = 0; i < _chunks.Count; i++)
        {
            if (_chunks[i].Index == chunk)
            {
                return i;
            }
        }

        throw new ProtocolException(ProtocolError.Invalid, $"Job {Descriptor.JobId}: chunk {chunk} is not one of shard {Shard}.");
    }

    private void Validate(Contribution header)
    {
        if (header.Reports.Count == 0)
        {
            throw Invalid(header, "it has no slots");
        }

        int last = -1;
        foreach (SlotReport report in header.Reports)
        {
            if (report.Slot <= last || report.Slot >= Descriptor.Slots)
            {
                throw Invalid(header, $"slot {report.Slot} after {last} is not in ascending order within 0 … {Descriptor.Slots - 1}");
            }

            if (report.ChunkHashes.Count != _chunks.Count)
            {
                throw Invalid(header, $"slot {report.Slot} has {report.ChunkHashes.Count} chunk hashes, shard {Shard} has {_chunks.Count} chunks");
            }

            if (report.Samples < 0 || report.MetricParts.Count > 64)
            {
                throw Invalid(header, $"slot {report.Slot} reports {report.Samples} samples and {report.MetricParts.Count} metric parts");
            }

            last = report.Slot;
        }
    }

    private ProtocolException Invalid(Contribution header, string what) =>
        new(ProtocolError.Invalid, $"Job {Descriptor.JobId}, {header.Cursor}: a contribution of worker {header.WorkerId} is refused by shard {Shard}: {what}.");
}

/// <summary>A contribution on its way into a <see cref="ShardJob"/>.</summary>
public sealed class PushTicket
{
    internal PushTicket(Contribution header, SlotSet slots, int chunks, bool wasCurrent)
    {
        Header = header;
        Slots = slots;
        WasCurrent = wasCurrent;
        Delivered = new HashSet<int>(chunks);
    }

    internal Contribution Header { get; }
    internal SlotSet Slots { get; }
    internal bool WasCurrent { get; }
    internal HashSet<int> Delivered { get; }
    internal bool IsNotFinite => Header.Reports.Any(r => r.Flags.HasFlag(SlotFlags.NonFinite));
    internal SortedSet<int> Mismatched { get; } = [];
    internal int RefusedChunks { get; set; }
    /// <value>Index of the chunk that was added last, −1 before.</value>
    internal int LastTaken { get; set; } = -1;
    internal bool IsCounted { get; set; }
}

using System.Numerics;
using System.Numerics.Tensors;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Protocol;

/// <summary>
/// What came in for the step in hand on one shard: by chunk the slots that are in, their hashes, sums and exponents. A chunk of a contribution is claimed, added and counted as done;
/// claims and counts need the job's lock, the adding of a chunk only that chunk's.
/// </summary>
internal sealed class StepSums
{
    private readonly IReadOnlyList<Chunk> _chunks;
    private readonly int[] _firstBlocks;
    private readonly int _slots;
    private readonly ContributionFormat _format;
    private readonly SlotHash _hash;
    private readonly BlockSums _sums;
    private readonly byte[] _most;
    private readonly SlotSet[] _bitmaps;
    private readonly ulong[][] _hashes;
    private readonly Lock[] _adding;
    private readonly bool _streams;
    private int _claimed;

    public StepSums(JobDescriptor descriptor, ModelLayout layout, int shard, EscapePool escapes)
    {
        _chunks = layout.ChunksOf(shard);
        _slots = descriptor.Slots;
        _format = new ContributionFormat(descriptor);
        _hash = new SlotHash(descriptor.Seed);
        Blocks = [.. _chunks.SelectMany(c => layout.Blocks.Skip(c.FirstBlock).Take(c.BlockCount))];
        _sums = new BlockSums(Blocks, escapes);
        _streams = StreamingCopy.Suits(Blocks.Sum(b => b.Length));
        _most = new byte[Blocks.Count];
        _firstBlocks = new int[_chunks.Count];
        for (int i = 1; i < _chunks.Count; i++)
        {
            _firstBlocks[i] = _firstBlocks[i - 1] + _chunks[i - 1].BlockCount;
        }

        // A shard without chunks still waits for every slot's report, as all shards decide alike.
        _bitmaps = [.. Enumerable.Range(0, Math.Max(1, _chunks.Count)).Select(_ => new SlotSet(_slots))];
        _hashes = [.. _bitmaps.Select(_ => new ulong[_slots])];
        _adding = [.. _chunks.Select(_ => new Lock())];
    }

    /// <value>Of the shard's chunks, in order.</value>
    public IReadOnlyList<Block> Blocks { get; }

    /// <value>Whether all slots are in every chunk, and nothing is being added.</value>
    public bool IsWhole => _claimed == 0 && Array.TrueForAll(_bitmaps, b => b.IsFull);

    /// <summary>Of a block: the code of the largest exponent over the slots.</summary>
    public byte Most(int block) => _most[block];

    /// <summary>The levels that a block's slots stand at, as bits.</summary>
    public uint Levels(int block) => _sums.Levels(block);

    /// <summary>Whether some chunk lacks a slot.</summary>
    public bool Lacks(int slot) => Array.Exists(_bitmaps, b => !b.Contains(slot));

    /// <returns>The place of a chunk among the shard's; -1: it is not one of them.</returns>
    public int IndexOf(int chunk)
    {
        for (int i = 0; i < _chunks.Count; i++)
        {
            if (_chunks[i].Index == chunk)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Whether a chunk of a contribution can be what it says: sizes, exponents, bounds, and the hashes of its slots. Needs no lock.</summary>
    /// <param name="hints">Of the version that it was computed from.</param>
    /// <returns>What is wrong; null: nothing.</returns>
    public string? Check(int index, in ChunkSum chunk, IReadOnlyList<SlotReport> reports, ReadOnlySpan<short> hints)
    {
        Chunk place = _chunks[index];
        ReadOnlySpan<byte> exponents = chunk.Exponents.Span;
        if (exponents.Length != reports.Count * place.BlockCount)
        {
            return $"chunk {place.Index} has {place.BlockCount} blocks, so that {reports.Count} slots have {reports.Count * place.BlockCount} exponents, not {exponents.Length}";
        }

        if (exponents.ContainsAnyExceptInRange((byte)0, (byte)(BlockExponent.Ceiling - BlockExponent.Floor + 1)))
        {
            return $"chunk {place.Index} has an exponent that is none";
        }

        ulong claimed = 0;
        foreach (SlotReport report in reports)
        {
            claimed += report.ChunkHashes[index];
        }

        Span<int> counts = stackalloc int[BlockExponent.Levels];
        var escapes = new EscapeReader(chunk.Escapes, stackalloc int[ModelLayout.BlockElements]);
        bool hasOwn = chunk.Sums.Length > 0;
        bool needsOwn = false;
        int offset = 0;
        ulong hash = 0;
        for (int i = 0; i < place.BlockCount; i++)
        {
            Block block = Blocks[_firstBlocks[index] + i];
            short hint = hints[_firstBlocks[index] + i];
            uint levels = Count(exponents, place.BlockCount, i, hint, counts);
            for (int slot = 0; slot < reports.Count; slot++)
            {
                hash += _hash.OfExponent(block.Index, exponents[(slot * place.BlockCount) + i]);
            }

            needsOwn |= (levels & 1) != 0;
            if (hasOwn)
            {
                if (chunk.Sums.Length != place.Length)
                {
                    return $"chunk {place.Index} has {place.Length} elements, not {chunk.Sums.Length}";
                }

                hash += SlotHash.Of(chunk.Sums.Span.Slice(offset, block.Length), _hash.Key(block.Index, hint), out int least, out int most);
                if (!Fits(block, 0, least, most, counts[0]))
                {
                    return Beyond(block, 0, counts[0], hint);
                }
            }

            for (uint rest = levels & ~1u; rest != 0; rest &= rest - 1)
            {
                int level = BitOperations.TrailingZeroCount(rest);
                short exponent = BlockExponent.OfLevel(level, hint);
                if (!escapes.TryRead(block.Length, out ReadOnlySpan<int> sum))
                {
                    return $"chunk {place.Index} has {chunk.Escapes.Length} escaped integers, fewer than its exponents say";
                }

                hash += SlotHash.Of(sum, _hash.Key(block.Index, exponent), out int least, out int most);
                if (!Fits(block, level, least, most, counts[level]))
                {
                    return Beyond(block, level, counts[level], exponent);
                }
            }

            offset += block.Length;
        }

        if (needsOwn != hasOwn)
        {
            return $"chunk {place.Index} has {place.Length} elements of which {(needsOwn ? "some" : "none")} stand at their hint, and {chunk.Sums.Length} integers";
        }

        if (!escapes.IsAtEnd)
        {
            return $"chunk {place.Index} has {chunk.Escapes.Length} escaped integers, more than its exponents say";
        }

        return hash == claimed ? null : $"the integers of chunk {place.Index} do not have the hash of their slots: they were damaged on the way, or its worker's hardware is broken";
    }

    /// <summary>Takes a set of slots for one contribution; it must then be added and counted as done. Of the job's lock.</summary>
    /// <returns>False: some of the slots are in already.</returns>
    public bool TryClaim(int index, SlotSet slots, IReadOnlyList<SlotReport> reports)
    {
        if (!slots.IsDisjointFrom(_bitmaps[index]))
        {
            return false;
        }

        _bitmaps[index].UnionWith(slots);
        foreach (SlotReport report in reports)
        {
            if (index < report.ChunkHashes.Count)
            {
                _hashes[index][report.Slot] = report.ChunkHashes[index];
            }
        }

        _claimed++;
        return true;
    }

    /// <summary>Whether a chunk has some of the slots.</summary>
    public bool HasAny(int index, SlotSet slots) => !slots.IsDisjointFrom(_bitmaps[index]);

    /// <summary>Whether a chunk has all of the slots.</summary>
    public bool Contains(int index, SlotSet slots) => slots.IsSubsetOf(_bitmaps[index]);

    /// <summary>Adds the sums of a claimed chunk, which were checked. Not of the job's lock.</summary>
    /// <exception cref="ProtocolException">There is no memory left for escapes.</exception>
    public void Add(int index, in ChunkSum chunk, ReadOnlySpan<short> hints)
    {
        Chunk place = _chunks[index];
        ReadOnlySpan<byte> exponents = chunk.Exponents.Span;
        Span<int> counts = stackalloc int[BlockExponent.Levels];
        var escapes = new EscapeReader(chunk.Escapes, stackalloc int[ModelLayout.BlockElements]);
        int offset = 0;
        lock (_adding[index])
        {
            for (int i = 0; i < place.BlockCount; i++)
            {
                int block = _firstBlocks[index] + i;
                int length = Blocks[block].Length;
                for (uint levels = Count(exponents, place.BlockCount, i, hints[block], counts); levels != 0; levels &= levels - 1)
                {
                    int level = BitOperations.TrailingZeroCount(levels);
                    Span<int> total = _sums.At(block, level, out bool isNew);
                    if (level == 0)
                    {
                        Add(chunk.Sums.Span.Slice(offset, length), total, isNew);
                    }
                    else if (escapes.TryRead(length, out ReadOnlySpan<int> escaped))
                    {
                        Add(escaped, total, isNew);
                    }
                }

                for (int row = i; row < exponents.Length; row += place.BlockCount)
                {
                    _most[block] = Math.Max(_most[block], exponents[row]);
                }

                offset += length;
            }

            StreamingCopy.Finish();
        }
    }

    /// <summary>A claimed chunk is added. Of the job's lock.</summary>
    public void Done() => _claimed--;

    /// <summary>A slot of a shard without chunks is in. Of the job's lock.</summary>
    public bool TryTakeWithoutChunks(SlotSet slots)
    {
        if (!TryClaim(0, slots, []))
        {
            return false;
        }

        Done();
        return true;
    }

    /// <summary>The slots among those reported whose hash of a chunk differs from what came first.</summary>
    public void Compare(int index, IReadOnlyList<SlotReport> reports, ISet<int> mismatched)
    {
        foreach (SlotReport report in reports)
        {
            if (index < report.ChunkHashes.Count && _bitmaps[index].Contains(report.Slot) && _hashes[index][report.Slot] != report.ChunkHashes[index])
            {
                mismatched.Add(report.Slot);
            }
        }
    }

    /// <summary>A block's gradient, once all slots are in.</summary>
    public void Decode(int block, short hint, Span<float> gradient) => _sums.Decode(block, hint, _slots, _format.Room(Blocks[block].Kind, 0), gradient);

    /// <summary>Whether the sum of a block's slots may overflow float32.</summary>
    public bool MayOverflow(int block) => _most[block] != 0 && BlockExponent.Of(_most[block]) + BitOperations.Log2((uint)_slots) + 1 >= BlockExponent.Ceiling;

    /// <summary>Begins the next step.</summary>
    public void Clear()
    {
        _sums.Clear();
        Array.Clear(_most);
        foreach (SlotSet bitmap in _bitmaps)
        {
            bitmap.Clear();
        }

        foreach (ulong[] hashes in _hashes)
        {
            Array.Clear(hashes);
        }
    }

    private void Add(ReadOnlySpan<int> sum, Span<int> total, bool isNew)
    {
        if (isNew && _streams)
        {
            StreamingCopy.Copy(sum, total);
        }
        else if (isNew)
        {
            sum.CopyTo(total);
        }
        else
        {
            TensorPrimitives.Add(sum, total, total);
        }
    }

    /// <summary>How many slots stand at each level of a block.</summary>
    /// <returns>The levels that any stands at, as bits.</returns>
    private static uint Count(ReadOnlySpan<byte> exponents, int blocks, int block, short hint, Span<int> counts)
    {
        counts.Clear();
        uint levels = 0;
        for (int row = block; row < exponents.Length; row += blocks)
        {
            if (exponents[row] != 0)
            {
                int level = BlockExponent.Level(exponents[row], hint);
                counts[level]++;
                levels |= 1u << level;
            }
        }

        return levels;
    }

    private long Bound(Block block, int level, int slots) => (long)slots << BlockCodec.Bits(_format.Room(block.Kind, level));

    private bool Fits(Block block, int level, int least, int most, int slots)
    {
        long bound = Bound(block, level, slots);
        return most <= bound && -(long)least <= bound;
    }

    private string Beyond(Block block, int level, int slots, short exponent) => $"block {block.Index} has a sum of {slots} slots at exponent {exponent} beyond {Bound(block, level, slots)}";
}

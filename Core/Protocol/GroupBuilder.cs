using System.Numerics.Tensors;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Protocol;

/// <summary>The worker's side of the sum: adds up slots in integers and gives one contribution a shard. Holds one sum of the model's size, and what escapes it. One thread at a time.</summary>
public sealed class GroupBuilder
{
    private readonly JobDescriptor _descriptor;
    private readonly ModelLayout _layout;
    private readonly ContributionFormat _format;
    private readonly SlotHash _hash;
    private readonly EscapePool _escapes = new();
    private readonly BlockSums _sums;
    private readonly short[] _hints;
    private readonly bool _streams;
    private readonly List<Slot> _slots = [];
    private readonly Stack<Slot> _spare = [];
    private Cursor _cursor;
    private byte[] _exponents = [];

    /// <summary>What is kept of a slot until the group is built.</summary>
    private sealed class Slot(int blocks)
    {
        public int Index { get; set; }
        public int Samples { get; set; }
        public double LossSum { get; set; }
        /// <value>Code of each block of the model.</value>
        public byte[] Exponents { get; } = new byte[blocks];
        public required ulong[] ChunkHashes { get; init; }
    }

    /// <param name="room">Makes memory for so many integers; null: of the heap.</param>
    public GroupBuilder(JobDescriptor descriptor, ModelLayout layout, Func<int, Memory<int>>? room = null)
    {
        _descriptor = descriptor;
        _layout = layout;
        _format = new ContributionFormat(descriptor);
        _hash = new SlotHash(descriptor.Seed);
        _sums = new BlockSums(layout.Blocks, _escapes, room);
        _hints = new short[layout.Blocks.Count];
        _streams = StreamingCopy.Suits(layout.Elements);
    }

    /// <value>Escapes take more than the sum itself: better build the group, push it and begin another. The group's slots and hints decide it, nothing else.</value>
    public bool IsFull => _escapes.BytesInUse > 2L * sizeof(int) * _layout.Elements;

    /// <summary>Starts an empty group.</summary>
    /// <param name="hints">By shard: one a block of the shard's chunks, as pulled.</param>
    public void Begin(Cursor cursor, IReadOnlyList<short[]> hints)
    {
        _cursor = cursor;
        foreach (Slot slot in _slots)
        {
            _spare.Push(slot);
        }

        _slots.Clear();
        _sums.Clear();
        _escapes.StepOver(cursor.Step);
        Span<int> next = stackalloc int[_layout.Shards];
        foreach (Chunk chunk in _layout.Chunks)
        {
            hints[chunk.Shard].AsSpan(next[chunk.Shard], chunk.BlockCount).CopyTo(_hints.AsSpan(chunk.FirstBlock));
            next[chunk.Shard] += chunk.BlockCount;
        }
    }

    /// <summary>Adds one slot.</summary>
    /// <param name="gradient">[Elements], in model order.</param>
    /// <returns>False: a value is not finite, and nothing was added; see <see cref="NotFinite"/>.</returns>
    public bool Add(int slot, int samples, double lossSum, ReadOnlySpan<float> gradient)
    {
        if (!double.IsFinite(lossSum))
        {
            return false;
        }

        if (!_spare.TryPop(out Slot? added))
        {
            added = new Slot(_layout.Blocks.Count) { ChunkHashes = new ulong[_layout.Chunks.Count] };
        }

        (added.Index, added.Samples, added.LossSum) = (slot, samples, lossSum);
        Span<int> encoded = stackalloc int[_streams ? ModelLayout.BlockElements : 0];
        ulong noise = NoiseOf(slot);
        foreach (Chunk chunk in _layout.Chunks)
        {
            ulong hash = 0;
            for (int i = chunk.FirstBlock; i < chunk.FirstBlock + chunk.BlockCount; i++)
            {
                ReadOnlySpan<float> values = gradient.Slice(_layout.Blocks[i].ModelOffset, _layout.Blocks[i].Length);
                int magnitude = BlockCodec.Magnitude(values);
                if (magnitude >= BlockCodec.NotFinite)
                {
                    Undo(added, i, gradient);
                    return false;
                }

                byte code = BlockExponent.CodeOf(magnitude);
                added.Exponents[i] = code;
                hash += _hash.OfExponent(i, code);
                if (code != 0)
                {
                    int level = BlockExponent.Level(code, _hints[i]);
                    short exponent = BlockExponent.OfLevel(level, _hints[i]);
                    Span<int> sum = _sums.At(i, level, out bool isNew);
                    bool streams = isNew && _streams;
                    hash += Encode(i, level, values, exponent, noise, streams ? encoded : sum, adds: !isNew);
                    if (streams)
                    {
                        StreamingCopy.Copy(encoded[..values.Length], sum);
                    }
                }
            }

            added.ChunkHashes[chunk.Index] = hash;
        }

        StreamingCopy.Finish();
        _slots.Add(added);
        return true;
    }

    /// <summary>The group as one contribution a shard, in shard order. Their memory is this object's until the next <see cref="Begin"/>.</summary>
    /// <param name="syncMs">Sync latency of the version that was computed from, milliseconds.</param>
    public IReadOnlyList<Contribution> Build(string workerId, double syncMs = 0)
    {
        _slots.Sort((a, b) => a.Index.CompareTo(b.Index));
        if (_exponents.Length < _slots.Count * _layout.Blocks.Count)
        {
            _exponents = new byte[_slots.Count * _layout.Blocks.Count];
        }

        return [.. Enumerable.Range(0, _layout.Shards).Select(shard => Build(workerId, syncMs, _layout.ChunksOf(shard)))];
    }

    /// <summary>What the shards are told of a slot that could not be added: one contribution a shard, in shard order.</summary>
    public IReadOnlyList<Contribution> NotFinite(string workerId, int slot, int samples, double lossSum) =>
        [.. Enumerable.Range(0, _layout.Shards).Select(_ => new Contribution
        {
            JobId = _descriptor.JobId,
            Cursor = _cursor,
            WorkerId = workerId,
            Reports = [new SlotReport { Slot = slot, Samples = samples, LossSum = lossSum, IsNotFinite = true, ChunkHashes = [] }],
            Chunks = [],
        })];

    private Contribution Build(string workerId, double syncMs, IReadOnlyList<Chunk> chunks) => new()
    {
        JobId = _descriptor.JobId,
        Cursor = _cursor,
        WorkerId = workerId,
        SyncMs = syncMs,
        IsNarrow = _descriptor.Contribution == 16,
        Reports = [.. _slots.Select(s => new SlotReport
        {
            Slot = s.Index,
            Samples = s.Samples,
            LossSum = s.LossSum,
            ChunkHashes = [.. chunks.Select(c => s.ChunkHashes[c.Index])],
        })],
        Chunks = [.. chunks.Select(c => new ChunkSum(c.Index, _sums.Own(c.FirstBlock, c.BlockCount), _sums.Escapes(c.FirstBlock, c.BlockCount), Exponents(c)))],
    };

    private ulong NoiseOf(int slot) => RoundingNoise.KeyOf(_descriptor.Seed, _cursor.Step, slot);

    /// <param name="noise">Of the slot.</param>
    private ulong Encode(int block, int level, ReadOnlySpan<float> values, short exponent, ulong noise, Span<int> sum, bool adds)
    {
        TensorKind kind = _layout.Blocks[block].Kind;
        SlotHashKey key = _hash.Key(block, exponent);
        return _format.IsNarrow(kind, level)
            ? NarrowCodec.Encode(values, exponent, RoundingNoise.Of(noise, block), key, sum, adds)
            : BlockCodec.Encode(values, exponent, _format.Room(kind, level), key, sum, adds);
    }

    private Memory<byte> Exponents(in Chunk chunk)
    {
        Memory<byte> exponents = _exponents.AsMemory(_slots.Count * chunk.FirstBlock, _slots.Count * chunk.BlockCount);
        for (int row = 0; row < _slots.Count; row++)
        {
            _slots[row].Exponents.AsSpan(chunk.FirstBlock, chunk.BlockCount).CopyTo(exponents.Span[(row * chunk.BlockCount)..]);
        }

        return exponents;
    }

    /// <summary>Takes the first blocks of a slot out of the sum again.</summary>
    private void Undo(Slot slot, int blocks, ReadOnlySpan<float> gradient)
    {
        Span<int> encoded = stackalloc int[ModelLayout.BlockElements];
        ulong noise = NoiseOf(slot.Index);
        for (int i = 0; i < blocks; i++)
        {
            if (slot.Exponents[i] == 0)
            {
                continue;
            }

            int level = BlockExponent.Level(slot.Exponents[i], _hints[i]);
            if (!_slots.Exists(s => s.Exponents[i] != 0 && BlockExponent.Level(s.Exponents[i], _hints[i]) == level))
            {
                _sums.Drop(i, level);
                continue;
            }

            short exponent = BlockExponent.OfLevel(level, _hints[i]);
            Span<int> own = encoded[.._layout.Blocks[i].Length];
            Encode(i, level, gradient.Slice(_layout.Blocks[i].ModelOffset, own.Length), exponent, noise, own, adds: false);
            Span<int> sum = _sums.At(i, level, out _);
            TensorPrimitives.Subtract(sum, own, sum);
        }

        _spare.Push(slot);
    }
}

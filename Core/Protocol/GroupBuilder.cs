using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Protocol;

/// <summary>The worker's side of the sum: adds up slots in integers and gives one contribution a shard. Holds one sum of the model's size. One thread at a time.</summary>
public sealed class GroupBuilder
{
    private readonly JobDescriptor _descriptor;
    private readonly ModelLayout _layout;
    private readonly int[] _sums;
    private readonly int[] _quantized;
    private readonly float[] _maxima;
    private readonly short[] _ranges;
    private readonly List<Slot> _slots = [];
    private Cursor _cursor;
    private bool _measures;

    private sealed record Slot(int Index, int Samples, double LossSum, IReadOnlyList<double> MetricParts, SlotFlags Flags, ulong[] ChunkHashes);

    public GroupBuilder(JobDescriptor descriptor, ModelLayout layout)
    {
        _descriptor = descriptor;
        _layout = layout;
        _sums = new int[layout.Elements];
        _quantized = new int[layout.Chunks.Max(c => c.Length)];
        _maxima = new float[layout.Blocks.Count];
        _ranges = new short[layout.Blocks.Count];
    }

    /// <value>No slot that was added has a value that is not finite.</value>
    public bool IsFinite => !_slots.Exists(s => s.Flags.HasFlag(SlotFlags.NonFinite));

    /// <summary>Starts an empty group.</summary>
    /// <param name="measures">Only magnitudes are wanted.</param>
    /// <param name="ranges">By shard: one a block of the shard's chunks, as pulled.</param>
    public void Begin(Cursor cursor, bool measures, IReadOnlyList<short[]> ranges)
    {
        _cursor = cursor;
        _measures = measures;
        _slots.Clear();
        Array.Clear(_sums);
        Array.Clear(_maxima);
        var next = new int[_layout.Shards];
        foreach (Chunk chunk in _layout.Chunks)
        {
            ranges[chunk.Shard].AsSpan(next[chunk.Shard], chunk.BlockCount).CopyTo(_ranges.AsSpan(chunk.FirstBlock));
            next[chunk.Shard] += chunk.BlockCount;
        }
    }

    /// <summary>Adds one slot.</summary>
    /// <param name="gradient">[Elements], in model order.</param>
    public void Add(int slot, int samples, double lossSum, IReadOnlyList<double> metricParts, ReadOnlySpan<float> gradient)
    {
        var hashes = new ulong[_layout.Chunks.Count];
        var flags = SlotFlags.None;
        foreach (Chunk chunk in _layout.Chunks)
        {
            for (int i = chunk.FirstBlock; i < chunk.FirstBlock + chunk.BlockCount; i++)
            {
                Block block = _layout.Blocks[i];
                ReadOnlySpan<float> values = gradient.Slice(block.ModelOffset, block.Length);
                float maximum;
                SlotFlags found;
                if (_measures)
                {
                    BlockCodec.Measure(values, out maximum, out found);
                }
                else
                {
                    BlockCodec.Accumulate(values, _ranges[i], _descriptor.Slots, _sums.AsSpan(block.ModelOffset, block.Length), _quantized.AsSpan(block.ModelOffset - chunk.ModelOffset, block.Length), out maximum, out found);
                }

                flags |= found;
                _maxima[i] = Math.Max(_maxima[i], maximum);
            }

            if (!_measures)
            {
                hashes[chunk.Index] = SlotHash.Of(_quantized.AsSpan(0, chunk.Length), _descriptor.Seed, chunk.ModelOffset);
            }
        }

        if (!double.IsFinite(lossSum))
        {
            flags |= SlotFlags.NonFinite;
        }

        _slots.Add(new Slot(slot, samples, lossSum, metricParts, flags, hashes));
    }

    /// <summary>The group as one contribution a shard, in shard order. Their memory is this object's until the next <see cref="Begin"/>.</summary>
    /// <param name="syncMs">Sync latency of the version that was computed from, milliseconds.</param>
    public IReadOnlyList<Contribution> Build(string workerId, double syncMs = 0)
    {
        _slots.Sort((a, b) => a.Index.CompareTo(b.Index));
        return [.. Enumerable.Range(0, _layout.Shards).Select(shard => Build(workerId, syncMs, _layout.ChunksOf(shard)))];
    }

    private Contribution Build(string workerId, double syncMs, IReadOnlyList<Chunk> chunks) => new()
    {
        JobId = _descriptor.JobId,
        Cursor = _cursor,
        WorkerId = workerId,
        SyncMs = syncMs,
        Reports = [.. _slots.Select(s => new SlotReport
        {
            Slot = s.Index,
            Samples = s.Samples,
            LossSum = s.LossSum,
            MetricParts = s.MetricParts,
            Flags = s.Flags,
            ChunkHashes = [.. chunks.Select(c => s.ChunkHashes[c.Index])],
        })],
        Chunks = [.. chunks.Select(c => new ChunkSum(
            c.Index,
            _measures ? ReadOnlyMemory<int>.Empty : _sums.AsMemory(c.ModelOffset, c.Length),
            _maxima.AsMemory(c.FirstBlock, c.BlockCount)))],
    };
}

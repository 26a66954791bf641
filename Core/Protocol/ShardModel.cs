using Lockstep.Core.Checkpoints;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Protocol;

/// <summary>A shard's part of a model: the values of its newest version and of the one before, the optimizer's state, the moving average, and the hints. Version v + 1 is computed beside v; the optimizer's state is updated in place.</summary>
internal sealed class ShardModel : IDisposable
{
    /// <summary>Fewer elements are not worth a second thread.</summary>
    private const int LeastElementsAThread = 1 << 17;

    private readonly JobDescriptor _descriptor;
    private readonly IReadOnlyList<Chunk> _chunks;
    private readonly Block[] _blocks;
    private readonly int[] _starts;
    private readonly ParameterGroups _groups;
    private readonly ContributionFormat _format;
    private readonly VersionBuffers _buffers;
    private readonly float[] _state1;
    private readonly float[] _state2;
    private readonly float[] _average;
    private readonly BlockHint[] _hints;
    private readonly double[] _squares;
    private readonly bool _streams;
    private VersionBuffer? _next;

    public ShardModel(JobDescriptor descriptor, ModelLayout layout, int shard, IReadOnlyList<Block> blocks, Func<int, IVersionRoom> room)
    {
        _descriptor = descriptor;
        _chunks = layout.ChunksOf(shard);
        _blocks = [.. blocks];
        _starts = new int[_blocks.Length + 1];
        for (int i = 0; i < _blocks.Length; i++)
        {
            _starts[i + 1] = _starts[i] + _blocks[i].Length;
        }

        _groups = new ParameterGroups(descriptor.Optimizer, descriptor.Tensors);
        _streams = StreamingCopy.Suits(Elements);
        _format = new ContributionFormat(descriptor);
        _buffers = new VersionBuffers(Elements, _blocks.Length, room);
        _state1 = new float[_groups.StateArrays > 0 ? Elements : 0];
        _state2 = new float[_groups.StateArrays > 1 ? Elements : 0];
        _average = new float[descriptor.Optimizer.AverageDecay is null ? 0 : Elements];
        _hints = new BlockHint[_blocks.Length];
        Hashes = new UInt128[_blocks.Length];
        _squares = new double[descriptor.Optimizer.ClipNorm is null ? 0 : _blocks.Length];
        Array.Fill(_hints, BlockHint.Initial);
    }

    public int Elements => _starts[^1];

    /// <value>The newest version; null before there is any.</value>
    public VersionBuffer? Current { get; private set; }

    /// <summary>Takes values as version 0.</summary>
    public void Initialize(ReadOnlySpan<float> values, Cursor cursor)
    {
        Current = _buffers.Rent();
        values.CopyTo(Current.Values.Span);
        Publish(Current, cursor);
    }

    /// <summary>The squared norm of each block's gradient, in float64; 0 for buffers, which clipping leaves alone. The same array each time.</summary>
    public double[] BlockSquares(StepSums sums, int threads)
    {
        InParts(threads, (from, to) =>
        {
            Span<float> gradient = stackalloc float[ModelLayout.BlockElements];
            for (int i = from; i < to; i++)
            {
                if (_blocks[i].Kind == TensorKind.Parameter)
                {
                    sums.Decode(i, Current!.Hints[i], gradient);
                    _squares[i] = GradientNorm.SquaredNorm(gradient[.._blocks[i].Length]);
                }
            }
        });
        return _squares;
    }

    /// <summary>Computes the next version: of each block, in one pass, gradient, state, values and hash; on several threads the same bits, as blocks are independent of each other.</summary>
    /// <param name="step">Of the version that is left, 0-based.</param>
    /// <exception cref="ProtocolException">A gradient overflows float32. What was begun is of no use.</exception>
    public void Update(StepSums sums, long step, double rate, double clipFactor, int threads)
    {
        _next = _buffers.Rent();
        OptimizerScalars[] scalars = _groups.Scalars(step, rate);
        int overflowed = -1;
        InParts(threads, (from, to) =>
        {
            int found = Update(sums, step, scalars, (float)clipFactor, from, to);
            if (found >= 0)
            {
                Volatile.Write(ref overflowed, found);
            }
        });
        if (overflowed >= 0)
        {
            throw new ProtocolException(ProtocolError.NotFinite, $"Job {_descriptor.JobId}: the gradient of step {step} overflows float32 where its slots are added up (tensor {_descriptor.Tensors[_blocks[overflowed].Tensor].Name}). {ProtocolException.NotFiniteRemedy}");
        }
    }

    /// <summary>Makes the computed version the newest.</summary>
    /// <param name="cursor">Of the computed version.</param>
    /// <returns>The one before, to be released.</returns>
    public VersionBuffer Commit(Cursor cursor)
    {
        VersionBuffer before = Current!;
        Current = _next ?? throw new InvalidOperationException("There is no computed version to commit.");
        _next = null;
        Current.Room.Publish(cursor);
        return before;
    }

    /// <value>The hash of each block of the version that was computed last; the same array each time.</value>
    public UInt128[] Hashes { get; }

    /// <summary>The bits of a sum that stay unused where all slots fit their hint: all but a hundredth of the blocks that are not zero have no more.</summary>
    /// <param name="escaped">Blocks of which some slot escaped.</param>
    public int UnusedBits(StepSums sums, out int escaped)
    {
        Span<int> blocks = stackalloc int[BlockExponent.Ceiling - BlockExponent.Floor + 1];
        blocks.Clear();
        int fit = 0;
        escaped = 0;
        for (int i = 0; i < _blocks.Length; i++)
        {
            if ((sums.Levels(i) & ~1u) != 0)
            {
                escaped++;
            }
            else if (sums.Most(i) != 0)
            {
                blocks[Current!.Hints[i] - BlockExponent.Of(sums.Most(i))]++;
                fit++;
            }
        }

        int bits = 0;
        for (int below = 0; below + blocks[bits] < fit - (fit / 100); bits++)
        {
            below += blocks[bits];
        }

        return bits;
    }

    public ShardSnapshot Snapshot(Cursor cursor, int shard) => new(
        cursor.Generation, cursor.Step, shard, [.. _chunks.Select(c => c.Index)],
        Current!.Values.ToArray(), [.. _state1], [.. _state2], [.. _hints]) { Average = [.. _average] };

    /// <summary>Starts from a checkpoint, which may have been cut by another number of shards.</summary>
    /// <returns>How many of the shard's chunks it held.</returns>
    public int Load(CheckpointSet set, ModelLayout layout, int shard, Cursor cursor)
    {
        Current = _buffers.Rent();
        int loaded = 0;
        foreach (ShardSnapshot part in set.Parts)
        {
            int offset = 0;
            int blockOffset = 0;
            foreach (int index in part.Chunks)
            {
                Chunk chunk = layout.Chunks[index];
                if (chunk.Shard == shard)
                {
                    int firstBlock = Array.FindIndex(_blocks, b => b.Index == chunk.FirstBlock);
                    loaded++;
                    part.Values.AsSpan(offset, chunk.Length).CopyTo(Current.Values.Span[_starts[firstBlock]..]);
                    Copy(part.State1, offset, _state1, _starts[firstBlock], chunk.Length);
                    Copy(part.State2, offset, _state2, _starts[firstBlock], chunk.Length);
                    Copy(part.Average, offset, _average, _starts[firstBlock], chunk.Length);
                    part.Hints.AsSpan(blockOffset, chunk.BlockCount).CopyTo(_hints.AsSpan(firstBlock));
                }

                offset += chunk.Length;
                blockOffset += chunk.BlockCount;
            }
        }

        Publish(Current, cursor);
        return loaded;
    }

    /// <summary>Lets go of the memory, once nobody reads it. After that nothing may be asked of it.</summary>
    public void Dispose()
    {
        Current?.Release();
        _next?.Release();
        _buffers.Dispose();
    }

    /// <summary>Works through all blocks, on several threads where that is worth it.</summary>
    /// <param name="work">First block, and the one behind the last.</param>
    private void InParts(int threads, Action<int, int> work)
    {
        int parts = Math.Clamp(Math.Min(threads, Elements / LeastElementsAThread), 1, Math.Max(1, _blocks.Length));
        if (parts == 1)
        {
            work(0, _blocks.Length);
            return;
        }

        Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = parts }, part => work(FirstOf(part, parts), FirstOf(part + 1, parts)));
    }

    private int FirstOf(int part, int parts)
    {
        // As many elements each, by whole blocks.
        int at = Array.BinarySearch(_starts, (int)((long)Elements * part / parts));
        return at >= 0 ? at : ~at;
    }

    /// <returns>A block whose gradient overflowed; -1: none.</returns>
    private int Update(StepSums sums, long step, OptimizerScalars[] scalars, float clipFactor, int from, int to)
    {
        int overflowed = -1;
        Span<float> room = stackalloc float[ModelLayout.BlockElements];
        Span<float> computed = stackalloc float[_streams ? ModelLayout.BlockElements : 0];
        for (int i = from; i < to; i++)
        {
            int length = _blocks[i].Length;
            Span<float> gradient = room[..length];
            sums.Decode(i, Current!.Hints[i], gradient);
            if (sums.MayOverflow(i) && BlockCodec.Magnitude(gradient) >= BlockCodec.NotFinite)
            {
                overflowed = i;
            }

            ReadOnlySpan<float> values = Current.Values.Span.Slice(_starts[i], length);
            Span<float> place = _next!.Values.Span.Slice(_starts[i], length);
            Span<float> next = _streams ? computed[..length] : place;
            if (_blocks[i].Kind == TensorKind.Parameter)
            {
                Span<float> state1 = State(_state1, i);
                Span<float> state2 = State(_state2, i);
                int group = _groups.Of(_blocks[i].Tensor);
                _groups.OptimizerOf(group).Update(scalars[group], clipFactor, gradient, values, state1, state2, next, state1, state2);
            }
            else
            {
                Optimizer.AddBuffer(gradient, values, next);
            }

            Span<float> average = State(_average, i);
            if (step == 0 || _blocks[i].Kind != TensorKind.Parameter)
            {
                next[..average.Length].CopyTo(average);
            }
            else if (!average.IsEmpty)
            {
                MovingAverage.Update(_descriptor.Optimizer.AverageDecay!.Value, next, average);
            }

            _hints[i] = _hints[i].Next(step, sums.Most(i), _format.Headroom(_blocks[i].Kind));
            _next.Hints[i] = _hints[i].Exponent;
            // Now, as all of it is in the processor's cache: by itself that is a pass over the whole state.
            Hashes[i] = StateHash.Block(next, State(_state1, i), State(_state2, i), _hints[i], average);
            if (_streams)
            {
                StreamingCopy.Copy(next, place);
            }
        }

        StreamingCopy.Finish();

        return overflowed;
    }

    private Span<float> State(float[] state, int block) => state.Length > 0 ? state.AsSpan(_starts[block], _blocks[block].Length) : [];

    private void Publish(VersionBuffer version, Cursor cursor)
    {
        for (int i = 0; i < _hints.Length; i++)
        {
            version.Hints[i] = _hints[i].Exponent;
        }

        version.Room.Publish(cursor);
    }

    private static void Copy(float[] from, int fromOffset, float[] to, int toOffset, int length)
    {
        if (to.Length > 0)
        {
            from.AsSpan(fromOffset, length).CopyTo(to.AsSpan(toOffset));
        }
    }
}

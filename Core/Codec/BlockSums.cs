using System.Buffers;
using System.Numerics;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Codec;

/// <summary>
/// The sums over slots of a run of blocks: of each block at its hint, and at higher exponents where slots escaped. Blocks are independent of each other, and may be worked on by several threads.
/// </summary>
internal sealed class BlockSums
{
    private readonly EscapePool _pool;
    private readonly int[] _starts;
    private readonly Memory<int> _sums;
    // Bit l: level l holds something.
    private readonly uint[] _levels;
    private readonly Escape?[] _escapes;

    /// <param name="room">Makes memory for so many integers; null: of the heap.</param>
    public BlockSums(IReadOnlyList<Block> blocks, EscapePool pool, Func<int, Memory<int>>? room = null)
    {
        _pool = pool;
        _starts = new int[blocks.Count + 1];
        for (int i = 0; i < blocks.Count; i++)
        {
            _starts[i + 1] = _starts[i] + blocks[i].Length;
        }

        _sums = room is null ? new int[_starts[^1]] : room(_starts[^1]);
        _levels = new uint[blocks.Count];
        _escapes = new Escape?[blocks.Count];
    }

    public int Length(int block) => _starts[block + 1] - _starts[block];

    /// <summary>The levels that hold something, as bits.</summary>
    public uint Levels(int block) => _levels[block];

    /// <summary>The sum at a level, made where there is none.</summary>
    /// <param name="isNew">It was made: its contents are anything.</param>
    /// <exception cref="Protocol.ProtocolException">There is no memory left for escapes.</exception>
    public Span<int> At(int block, int level, out bool isNew)
    {
        isNew = (_levels[block] >> level & 1) == 0;
        if (level == 0)
        {
            _levels[block] |= 1;
            return _sums.Span.Slice(_starts[block], Length(block));
        }

        Escape? below = null;
        Escape? here = _escapes[block];
        while (here is not null && here.Level < level)
        {
            (below, here) = (here, here.Higher);
        }

        if (isNew)
        {
            Escape made = _pool.Rent(Length(block), level);
            made.Higher = here;
            here = made;
            if (below is null)
            {
                _escapes[block] = made;
            }
            else
            {
                below.Higher = made;
            }

            _levels[block] |= 1u << level;
        }

        return here!.Room.AsSpan(0, Length(block));
    }

    /// <summary>Forgets the sum at a level.</summary>
    public void Drop(int block, int level)
    {
        _levels[block] &= ~(1u << level);
        Escape? below = null;
        for (Escape? here = _escapes[block]; here is not null && level > 0; (below, here) = (here, here.Higher))
        {
            if (here.Level == level)
            {
                if (below is null)
                {
                    _escapes[block] = here.Higher;
                }
                else
                {
                    below.Higher = here.Higher;
                }

                _pool.Return(here);
                return;
            }
        }
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Array.Clear(_levels);
        for (int block = 0; block < _escapes.Length; block++)
        {
            for (Escape? here = _escapes[block]; here is not null;)
            {
                Escape? next = here.Higher;
                _pool.Return(here);
                here = next;
            }

            _escapes[block] = null;
        }
    }

    /// <summary>The sums of a run of blocks at their hints, 0 where a block has none; empty where none has.</summary>
    public ReadOnlyMemory<int> Own(int firstBlock, int count)
    {
        if (!HasOwn(firstBlock, count))
        {
            return default;
        }

        for (int block = firstBlock; block < firstBlock + count; block++)
        {
            if ((_levels[block] & 1) == 0)
            {
                _sums.Span.Slice(_starts[block], Length(block)).Clear();
            }
        }

        return _sums[_starts[firstBlock].._starts[firstBlock + count]];
    }

    /// <summary>The escapes of a run of blocks, by block and rising exponent; valid until a sum is dropped.</summary>
    public ReadOnlySequence<int> Escapes(int firstBlock, int count)
    {
        Escape? first = null;
        Escape? last = null;
        for (int block = firstBlock; block < firstBlock + count; block++)
        {
            for (Escape? here = _escapes[block]; here is not null; here = here.Higher)
            {
                here.Link(last, Length(block));
                first ??= here;
                last = here;
            }
        }

        return first is null ? default : new ReadOnlySequence<int>(first, 0, last!, last!.Memory.Length);
    }

    /// <summary>A block's gradient: the sum over its levels in float64, in rising order of exponent, each addition rounded, then once to float32.</summary>
    /// <param name="slots">That a sum above the hint has room for.</param>
    /// <param name="ownSlots">That a sum at the hint has room for.</param>
    /// <param name="gradient">[n] overwritten; infinite where it overflows.</param>
    public void Decode(int block, short hint, int slots, int ownSlots, Span<float> gradient)
    {
        gradient = gradient[..Length(block)];
        ReadOnlySpan<int> own = _sums.Span.Slice(_starts[block], gradient.Length);
        switch (BitOperations.PopCount(_levels[block]))
        {
            case 0:
                gradient.Clear();
                return;
            case 1 when _escapes[block] is { } only:
                BlockCodec.Decode(only.Room.AsSpan(0, gradient.Length), BlockExponent.OfLevel(only.Level, hint), slots, gradient);
                return;
            case 1:
                BlockCodec.Decode(own, hint, ownSlots, gradient);
                return;
        }

        Span<double> total = stackalloc double[gradient.Length];
        total.Clear();
        if ((_levels[block] & 1) != 0)
        {
            BlockCodec.Decode(own, hint, ownSlots, total);
        }

        for (Escape? here = _escapes[block]; here is not null; here = here.Higher)
        {
            BlockCodec.Decode(here.Room.AsSpan(0, gradient.Length), BlockExponent.OfLevel(here.Level, hint), slots, total);
        }

        for (int i = 0; i < gradient.Length; i++)
        {
            gradient[i] = (float)total[i];
        }
    }

    private bool HasOwn(int firstBlock, int count)
    {
        foreach (uint levels in _levels.AsSpan(firstBlock, count))
        {
            if ((levels & 1) != 0)
            {
                return true;
            }
        }

        return false;
    }
}

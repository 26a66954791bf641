using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Protocol;

public sealed partial class ShardJob
{
    private readonly float[] _gradient = new float[4096];
    private VersionBuffer? _next;

    /// <summary>The squared norm of each block's gradient, in float64; 0 for buffers, which clipping leaves alone.</summary>
    public double[] BlockSquares()
    {
        Require(StepDecision.Update);
        var squares = new double[_blocks.Length];
        int offset = 0;
        for (int i = 0; i < _blocks.Length; i++)
        {
            if (_blocks[i].Kind == TensorKind.Parameter)
            {
                squares[i] = GradientNorm.SquaredNorm(Decode(i, offset));
            }

            offset += _blocks[i].Length;
        }

        return squares;
    }

    /// <summary>Computes version v + 1 beside v. Only <see cref="Commit"/> shows it; nothing else may be called in between but reads.</summary>
    /// <param name="clipFactor">Of clipping by global norm; 1 without.</param>
    /// <returns>The new version's hash of each block.</returns>
    public UInt128[] Update(double clipFactor)
    {
        Require(StepDecision.Update);
        _next = _buffers.Rent();
        OptimizerScalars scalars = _optimizer.Scalars(Cursor.Step, LearningRate);
        var hashes = new UInt128[_blocks.Length];
        int offset = 0;
        for (int i = 0; i < _blocks.Length; i++)
        {
            int length = _blocks[i].Length;
            ReadOnlySpan<float> gradient = Decode(i, offset);
            Span<float> state1 = _state1.Length > 0 ? _state1.AsSpan(offset, length) : [];
            Span<float> state2 = _state2.Length > 0 ? _state2.AsSpan(offset, length) : [];
            ReadOnlySpan<float> values = _current!.Values.AsSpan(offset, length);
            Span<float> next = _next.Values.AsSpan(offset, length);
            if (_blocks[i].Kind == TensorKind.Parameter)
            {
                _optimizer.Update(scalars, (float)clipFactor, gradient, values, state1, state2, next, state1, state2);
            }
            else
            {
                Optimizer.AddBuffer(gradient, values, next);
            }

            _nextRanges[i] = RangePolicy.Next(_ranges[i], _maxima[i]);
            hashes[i] = StateHash.Block(next, state1, state2, _nextRanges[i]);
            offset += length;
        }

        return hashes;
    }

    /// <summary>Moves on to the version that <see cref="Update"/> computed. The one before is kept until <see cref="ReleasePrevious"/>.</summary>
    /// <returns>What happened in the step, as this shard saw it.</returns>
    public CommittedStep Commit()
    {
        VersionBuffer next = _next ?? throw new InvalidOperationException("There is no computed version to commit.");
        var step = new CommittedStep(Cursor, LearningRate, [.. _reports.Select(r => r!)], [.. _slotWorkers], Counters);
        Keep(new Earlier(Cursor, _current!, [.. _ranges], false));
        _current = next;
        _next = null;
        _nextRanges.CopyTo(_ranges.AsSpan());
        Counters = new StepCounters();
        Cursor = new Cursor(Cursor.Generation, Cursor.Step + 1, 0);
        ResetAttempt();
        return step;
    }

    /// <summary>Lets go of version v: every shard has v + 1.</summary>
    public void ReleasePrevious()
    {
        if (_earlier is { } earlier && earlier.Cursor.Step < Cursor.Step)
        {
            earlier.Buffer.Release();
            _earlier = null;
        }
    }

    private ReadOnlySpan<float> Decode(int block, int offset)
    {
        int length = _blocks[block].Length;
        Span<float> gradient = _gradient.AsSpan(0, length);
        BlockCodec.Decode(_sums.AsSpan(offset, length), _ranges[block], Descriptor.Slots, gradient);
        return gradient;
    }
}

/// <summary>One finished step, as one shard saw it.</summary>
/// <param name="Cursor">Of the attempt that counted.</param>
/// <param name="Reports">One a slot, in slot order.</param>
/// <param name="SlotWorkers">Whose contribution of each slot counted.</param>
public sealed record CommittedStep(Cursor Cursor, double LearningRate, IReadOnlyList<SlotReport> Reports, IReadOnlyList<string> SlotWorkers, StepCounters Counters);

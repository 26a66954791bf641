using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Optimizers;

/// <summary>What changes from step to step, worked out once in float64 and rounded to float32 where it is used.</summary>
/// <param name="Rate">Step size, with Adam's first bias correction.</param>
/// <param name="Decay">adamw: 1 − learning rate · weight decay.</param>
/// <param name="Correction">Adam: square root of the second bias correction.</param>
public readonly record struct OptimizerScalars(float Rate, float Decay, float Correction);

/// <summary>
/// An element-wise update, with the operations of torch.optim in the order of its kernels. Products and sums are fused where those fuse them and nowhere else, so any vector width gives the same bits.
/// State starts at zero. Old and new spans may be the same memory.
/// </summary>
public abstract class Optimizer(OptimizerSpec spec)
{
    protected OptimizerSpec Spec { get; } = spec;

    /// <value>Arrays of state beside the parameters: 0, 1 or 2.</value>
    public abstract int StateArrays { get; }

    public static Optimizer Create(OptimizerSpec spec) => spec.Kind switch
    {
        OptimizerKind.Sgd => new Sgd(spec),
        OptimizerKind.Adam or OptimizerKind.AdamW => new Adam(spec),
        OptimizerKind.Adagrad => new Adagrad(spec),
        _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Kind, "There is no such optimizer."),
    };

    /// <param name="step">0-based.</param>
    /// <param name="rate">Of <see cref="Schedule"/>.</param>
    public virtual OptimizerScalars Scalars(long step, double rate) => new((float)rate, 1, 1);

    /// <summary>Computes new values and state.</summary>
    /// <param name="clipFactor">Multiplied to the gradient first.</param>
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Update(in OptimizerScalars scalars, float clipFactor, ReadOnlySpan<float> gradient, ReadOnlySpan<float> values, ReadOnlySpan<float> state1, ReadOnlySpan<float> state2, Span<float> newValues, Span<float> newState1, Span<float> newState2)
    {
        int width = Vector<float>.Count;
        int i = 0;
        for (; i + width <= gradient.Length; i += width)
        {
            Vector<float> value = new(values[i..]);
            Vector<float> first = StateArrays > 0 ? new(state1[i..]) : default;
            Vector<float> second = StateArrays > 1 ? new(state2[i..]) : default;
            Apply(scalars, new Vector<float>(gradient[i..]) * clipFactor, ref value, ref first, ref second);
            value.CopyTo(newValues[i..]);
            if (StateArrays > 0)
            {
                first.CopyTo(newState1[i..]);
            }

            if (StateArrays > 1)
            {
                second.CopyTo(newState2[i..]);
            }
        }

        if (i < gradient.Length)
        {
            // The rest goes through the same operations in a vector that is filled up.
            Vector<float> value = Fill(values[i..]);
            Vector<float> first = StateArrays > 0 ? Fill(state1[i..]) : default;
            Vector<float> second = StateArrays > 1 ? Fill(state2[i..]) : default;
            Apply(scalars, Fill(gradient[i..]) * clipFactor, ref value, ref first, ref second);
            for (int lane = 0; i < gradient.Length; i++, lane++)
            {
                newValues[i] = value[lane];
                if (StateArrays > 0)
                {
                    newState1[i] = first[lane];
                }

                if (StateArrays > 1)
                {
                    newState2[i] = second[lane];
                }
            }
        }
    }

    /// <summary>Buffers take the sum of the slots' differences as it is.</summary>
    public static void AddBuffer(ReadOnlySpan<float> difference, ReadOnlySpan<float> values, Span<float> newValues) =>
        TensorPrimitives.Add(values, difference, newValues);

    protected abstract void Apply(in OptimizerScalars scalars, Vector<float> gradient, ref Vector<float> value, ref Vector<float> state1, ref Vector<float> state2);

    private static Vector<float> Fill(ReadOnlySpan<float> values)
    {
        Span<float> lanes = stackalloc float[Vector<float>.Count];
        lanes.Clear();
        values.CopyTo(lanes);
        return new(lanes);
    }
}

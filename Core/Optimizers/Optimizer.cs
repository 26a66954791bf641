using System.Numerics.Tensors;
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
    /// <param name="state1">As long as the gradient, or empty where the optimizer keeps none.</param>
    public abstract void Update(in OptimizerScalars scalars, float clipFactor, ReadOnlySpan<float> gradient, ReadOnlySpan<float> values, ReadOnlySpan<float> state1, ReadOnlySpan<float> state2, Span<float> newValues, Span<float> newState1, Span<float> newState2);

    /// <summary>Buffers take the sum of the slots' differences as it is.</summary>
    public static void AddBuffer(ReadOnlySpan<float> difference, ReadOnlySpan<float> values, Span<float> newValues) =>
        TensorPrimitives.Add(values, difference, newValues);
}

using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Tests.Optimizers;

/// <summary>The published updates of torch.optim, one element at a time in float32 and fused as its kernels are, with the scalars of a step in float64; but state that is no normal number becomes 0.</summary>
internal sealed class ScalarOptimizer(OptimizerSpec spec, long step, double rate, float clip)
{
    public (float Value, float State1, float State2) Update(float gradient, float value, float state1, float state2)
    {
        (float newValue, float newState1, float newState2) = Published(gradient * clip, value, state1, state2);
        return (newValue, Flush(newState1), Flush(newState2));

        static float Flush(float state) => float.IsSubnormal(state) ? 0 : state + 0f;
    }

    private (float Value, float State1, float State2) Published(float gradient, float value, float state1, float state2)
    {
        if (spec.Kind == OptimizerKind.AdamW)
        {
            value = spec.WeightDecay != 0 ? value * (float)(1 - (rate * spec.WeightDecay)) : value;
        }
        else if (spec.WeightDecay != 0)
        {
            gradient = MathF.FusedMultiplyAdd(value, (float)spec.WeightDecay, gradient);
        }

        switch (spec.Kind)
        {
            case OptimizerKind.Sgd:
                if (spec.Momentum == 0)
                {
                    return (MathF.FusedMultiplyAdd(gradient, -(float)rate, value), 0, 0);
                }

                state1 = (state1 * (float)spec.Momentum) + gradient;
                gradient = spec.Nesterov ? MathF.FusedMultiplyAdd(state1, (float)spec.Momentum, gradient) : state1;
                return (MathF.FusedMultiplyAdd(gradient, -(float)rate, value), state1, 0);
            case OptimizerKind.Adagrad:
                state1 = MathF.FusedMultiplyAdd(gradient, gradient, state1);
                return (value - (gradient * (float)rate / (MathF.Sqrt(state1) + (float)spec.Epsilon)), state1, 0);
            default:
                state1 = MathF.FusedMultiplyAdd(gradient, (float)(1 - spec.Beta1), state1 * (float)spec.Beta1);
                state2 = MathF.FusedMultiplyAdd(gradient * (float)(1 - spec.Beta2), gradient, state2 * (float)spec.Beta2);
                float correction = (float)Math.Sqrt(1 - Power(spec.Beta2, step + 1));
                float size = (float)(rate / (1 - Power(spec.Beta1, step + 1)));
                return (value - (state1 * size / ((MathF.Sqrt(state2) / correction) + (float)spec.Epsilon)), state1, state2);
        }
    }

    /// <summary>By squaring, so that the bits are those of the product's.</summary>
    private static double Power(double x, long exponent) => exponent switch
    {
        0 => 1,
        _ when exponent % 2 == 0 => Power(x * x, exponent / 2),
        _ => Power(x * x, exponent / 2) * x,
    };
}

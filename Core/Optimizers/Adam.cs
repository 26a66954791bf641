using System.Numerics;
using System.Runtime.CompilerServices;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Optimizers;

/// <summary>torch.optim.Adam, whose weight decay is added to the gradient, and AdamW, whose weight decay shrinks the parameters.</summary>
internal sealed class Adam(OptimizerSpec spec) : Optimizer(spec)
{
    public override int StateArrays => 2;

    public override OptimizerScalars Scalars(long step, double rate) => new(
        (float)(rate / (1 - FixedMath.Power(Spec.Beta1, step + 1))),
        (float)(1 - (rate * Spec.WeightDecay)),
        (float)Math.Sqrt(1 - FixedMath.Power(Spec.Beta2, step + 1)));

    public override void Update(in OptimizerScalars scalars, float clipFactor, ReadOnlySpan<float> gradient, ReadOnlySpan<float> values, ReadOnlySpan<float> state1, ReadOnlySpan<float> state2, Span<float> newValues, Span<float> newState1, Span<float> newState2) =>
        UpdateLoop.Run(new Rule(Spec, scalars), clipFactor, gradient, values, state1, state2, newValues, newState1, newState2);

    private readonly struct Rule(OptimizerSpec spec, in OptimizerScalars scalars) : IUpdateRule
    {
        private readonly bool _shrinks = spec.WeightDecay != 0 && spec.Kind == OptimizerKind.AdamW;
        private readonly bool _decays = spec.WeightDecay != 0 && spec.Kind == OptimizerKind.Adam;
        private readonly Vector<float> _shrinkage = new(scalars.Decay);
        private readonly Vector<float> _decay = new((float)spec.WeightDecay);
        private readonly Vector<float> _beta1 = new((float)spec.Beta1);
        private readonly Vector<float> _rest1 = new((float)(1 - spec.Beta1));
        private readonly Vector<float> _beta2 = new((float)spec.Beta2);
        private readonly Vector<float> _rest2 = new((float)(1 - spec.Beta2));
        private readonly Vector<float> _epsilon = new((float)spec.Epsilon);
        private readonly Vector<float> _rate = new(scalars.Rate);
        private readonly Vector<float> _correction = new(scalars.Correction);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply(Vector<float> gradient, ref Vector<float> value, ref Vector<float> state1, ref Vector<float> state2)
        {
            if (_shrinks)
            {
                value *= _shrinkage;
            }

            if (_decays)
            {
                gradient = Vector.FusedMultiplyAdd(value, _decay, gradient);
            }

            state1 = Vector.FusedMultiplyAdd(gradient, _rest1, state1 * _beta1);
            state2 = Vector.FusedMultiplyAdd(gradient * _rest2, gradient, state2 * _beta2);
            Vector<float> denominator = (Vector.SquareRoot(state2) / _correction) + _epsilon;
            value -= state1 * _rate / denominator;
        }
    }
}

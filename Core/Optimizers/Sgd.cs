using System.Numerics;
using System.Runtime.CompilerServices;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Optimizers;

/// <summary>torch.optim.SGD: momentum without dampening, Nesterov, weight decay added to the gradient.</summary>
internal sealed class Sgd(OptimizerSpec spec) : Optimizer(spec)
{
    public override int StateArrays => Spec.Momentum != 0 ? 1 : 0;

    public override void Update(in OptimizerScalars scalars, float clipFactor, ReadOnlySpan<float> gradient, ReadOnlySpan<float> values, ReadOnlySpan<float> state1, ReadOnlySpan<float> state2, Span<float> newValues, Span<float> newState1, Span<float> newState2) =>
        UpdateLoop.Run(new Rule(Spec, scalars), clipFactor, gradient, values, state1, state2, newValues, newState1, newState2);

    private readonly struct Rule(OptimizerSpec spec, in OptimizerScalars scalars) : IUpdateRule
    {
        private readonly bool _decays = spec.WeightDecay != 0;
        private readonly bool _hasMomentum = spec.Momentum != 0;
        private readonly bool _isNesterov = spec.Nesterov;
        private readonly Vector<float> _momentum = new((float)spec.Momentum);
        private readonly Vector<float> _decay = new((float)spec.WeightDecay);
        private readonly Vector<float> _rate = new(-scalars.Rate);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply(Vector<float> gradient, ref Vector<float> value, ref Vector<float> state1, ref Vector<float> state2)
        {
            if (_decays)
            {
                gradient = Vector.FusedMultiplyAdd(value, _decay, gradient);
            }

            if (_hasMomentum)
            {
                // From a state of zero the first step gives the gradient itself, as torch has it.
                state1 = (state1 * _momentum) + gradient;
                gradient = _isNesterov ? Vector.FusedMultiplyAdd(state1, _momentum, gradient) : state1;
            }

            value = Vector.FusedMultiplyAdd(gradient, _rate, value);
        }
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Optimizers;

/// <summary>torch.optim.Adagrad without decay of the rate.</summary>
internal sealed class Adagrad(OptimizerSpec spec) : Optimizer(spec)
{
    public override int StateArrays => 1;

    public override void Update(in OptimizerScalars scalars, float clipFactor, ReadOnlySpan<float> gradient, ReadOnlySpan<float> values, ReadOnlySpan<float> state1, ReadOnlySpan<float> state2, Span<float> newValues, Span<float> newState1, Span<float> newState2) =>
        UpdateLoop.Run(new Rule(Spec, scalars), clipFactor, gradient, values, state1, state2, newValues, newState1, newState2);

    private readonly struct Rule(OptimizerSpec spec, in OptimizerScalars scalars) : IUpdateRule
    {
        private readonly bool _decays = spec.WeightDecay != 0;
        private readonly Vector<float> _decay = new((float)spec.WeightDecay);
        private readonly Vector<float> _epsilon = new((float)spec.Epsilon);
        private readonly Vector<float> _rate = new(scalars.Rate);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply(Vector<float> gradient, ref Vector<float> value, ref Vector<float> state1, ref Vector<float> state2)
        {
            if (_decays)
            {
                gradient = Vector.FusedMultiplyAdd(value, _decay, gradient);
            }

            state1 = Vector.FusedMultiplyAdd(gradient, gradient, state1);
            value -= gradient * _rate / (Vector.SquareRoot(state1) + _epsilon);
        }
    }
}

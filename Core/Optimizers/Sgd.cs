using System.Numerics;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Optimizers;

/// <summary>torch.optim.SGD: momentum without dampening, Nesterov, weight decay added to the gradient.</summary>
internal sealed class Sgd(OptimizerSpec spec) : Optimizer(spec)
{
    private readonly Vector<float> _momentum = new((float)spec.Momentum);
    private readonly Vector<float> _decay = new((float)spec.WeightDecay);

    public override int StateArrays => Spec.Momentum != 0 ? 1 : 0;

    protected override void Apply(in OptimizerScalars scalars, Vector<float> gradient, ref Vector<float> value, ref Vector<float> state1, ref Vector<float> state2)
    {
        if (Spec.WeightDecay != 0)
        {
            gradient = Vector.FusedMultiplyAdd(value, _decay, gradient);
        }

        if (Spec.Momentum != 0)
        {
            // From a state of zero the first step gives the gradient itself, as torch has it.
            state1 = (state1 * _momentum) + gradient;
            gradient = Spec.Nesterov ? Vector.FusedMultiplyAdd(state1, _momentum, gradient) : state1;
        }

        value = Vector.FusedMultiplyAdd(gradient, new Vector<float>(-scalars.Rate), value);
    }
}

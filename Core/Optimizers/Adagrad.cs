using System.Numerics;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Optimizers;

/// <summary>torch.optim.Adagrad without decay of the rate.</summary>
internal sealed class Adagrad(OptimizerSpec spec) : Optimizer(spec)
{
    private readonly Vector<float> _decay = new((float)spec.WeightDecay);
    private readonly Vector<float> _epsilon = new((float)spec.Epsilon);

    public override int StateArrays => 1;

    protected override void Apply(in OptimizerScalars scalars, Vector<float> gradient, ref Vector<float> value, ref Vector<float> state1, ref Vector<float> state2)
    {
        if (Spec.WeightDecay != 0)
        {
            gradient = Vector.FusedMultiplyAdd(value, _decay, gradient);
        }

        state1 = Vector.FusedMultiplyAdd(gradient, gradient, state1);
        value -= gradient * scalars.Rate / (Vector.SquareRoot(state1) + _epsilon);
    }
}

using System.Numerics;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Optimizers;

/// <summary>torch.optim.Adam, whose weight decay is added to the gradient, and AdamW, whose weight decay shrinks the parameters.</summary>
internal sealed class Adam(OptimizerSpec spec) : Optimizer(spec)
{
    private readonly bool _decoupled = spec.Kind == OptimizerKind.AdamW;
    private readonly Vector<float> _decay = new((float)spec.WeightDecay);
    private readonly float _beta1 = (float)spec.Beta1;
    private readonly Vector<float> _rest1 = new((float)(1 - spec.Beta1));
    private readonly float _beta2 = (float)spec.Beta2;
    private readonly float _rest2 = (float)(1 - spec.Beta2);
    private readonly Vector<float> _epsilon = new((float)spec.Epsilon);

    public override int StateArrays => 2;

    public override OptimizerScalars Scalars(long step, double rate) => new(
        (float)(rate / (1 - FixedMath.Power(Spec.Beta1, step + 1))),
        (float)(1 - (rate * Spec.WeightDecay)),
        (float)Math.Sqrt(1 - FixedMath.Power(Spec.Beta2, step + 1)));

    protected override void Apply(in OptimizerScalars scalars, Vector<float> gradient, ref Vector<float> value, ref Vector<float> state1, ref Vector<float> state2)
    {
        if (Spec.WeightDecay != 0)
        {
            if (_decoupled)
            {
                value *= scalars.Decay;
            }
            else
            {
                gradient = Vector.FusedMultiplyAdd(value, _decay, gradient);
            }
        }

        state1 = Vector.FusedMultiplyAdd(gradient, _rest1, state1 * _beta1);
        state2 = Vector.FusedMultiplyAdd(gradient * _rest2, gradient, state2 * _beta2);
        Vector<float> denominator = (Vector.SquareRoot(state2) / scalars.Correction) + _epsilon;
        value -= state1 * scalars.Rate / denominator;
    }
}

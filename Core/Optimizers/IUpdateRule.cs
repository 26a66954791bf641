using System.Numerics;

namespace Lockstep.Core.Optimizers;

/// <summary>What one step does to as many elements as a vector holds. A struct, so that the loop over a block is compiled for it, without a call an element.</summary>
internal interface IUpdateRule
{
    void Apply(Vector<float> gradient, ref Vector<float> value, ref Vector<float> state1, ref Vector<float> state2);
}

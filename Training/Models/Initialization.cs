using Lockstep.Core.Sampling;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;

namespace Lockstep.Training;

/// <summary>
/// Version 0 of a model, in torch's usual distribution: weights and biases of linear and conv2d uniform in ±1/√fan-in
/// (kaiming uniform with a = √5), scales and running variances 1, shifts and running means 0. The same bits on every machine.
/// </summary>
internal static class Initialization
{
    /// <param name="flat">[all elements of the plan's tensors, in order], overwritten.</param>
    public static void Fill(ModelPlan plan, ulong seed, Span<float> flat)
    {
        var offset = 0;
        for (var i = 0; i < plan.Tensors.Count; i++)
        {
            var tensor = plan.Tensors[i];
            var values = flat.Slice(offset, checked((int)tensor.Elements));
            offset += values.Length;
            var layer = plan.Layers.Last(l => l.FirstTensor >= 0 && l.FirstTensor <= i);
            if (layer.Kind is LayerKind.Linear or LayerKind.Conv2d)
            {
                var fanIn = plan.Tensors[layer.FirstTensor].Shape.Skip(1).Aggregate(1L, (product, size) => product * size);
                var bound = 1 / Math.Sqrt(fanIn);
                var key = CounterRandom.Key(seed, 0x696e6974, (ulong)i);
                for (var e = 0; e < values.Length; e++)
                {
                    values[e] = CounterRandom.Uniform(key, e, bound);
                }
            }
            else
            {
                values.Fill(tensor.Name.EndsWith(".weight", StringComparison.Ordinal) || tensor.Name.EndsWith(".running_var", StringComparison.Ordinal) ? 1 : 0);
            }
        }
    }
}

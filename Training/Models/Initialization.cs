using Lockstep.Core.Sampling;

namespace Lockstep.Training;

/// <summary>Version 0 of a model: the same bits on every machine.</summary>
internal static class Initialization
{
    private const ulong Purpose = 0x696e6974;

    /// <param name="flat">[all elements of the plan's tensors, as they are listed], overwritten.</param>
    public static void Fill(ModelPlan plan, ulong seed, Span<float> flat)
    {
        int offset = 0;
        foreach (LayerTensor tensor in plan.Listed)
        {
            Span<float> values = flat.Slice(offset, checked((int)tensor.Spec.Elements));
            offset += values.Length;
            tensor.Initial.Fill(CounterRandom.Key(seed, Purpose, (ulong)tensor.Index), values);
        }
    }
}

using Lockstep.Contracts.Faults;
using Lockstep.Core.Metrics;
using Lockstep.Training;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Faults;

/// <summary>A trainer that ends its process or spoils a gradient where that is asked for.</summary>
internal sealed class FaultyTrainer(ITrainer inner, WorkerFaults faults) : ITrainer
{
    public int ElementCount => inner.ElementCount;

    public long ValidationSamples => inner.ValidationSamples;

    public void CopyInitial(Span<float> values) => inner.CopyInitial(values);

    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts)
    {
        faults.Reach(FaultPhase.Load, faults.Step);
        inner.Load(parts);
    }

    public bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds) => inner.Prepare(step, slot, sampleIds);

    public SlotResult Run(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
    {
        faults.Reach(FaultPhase.Compute, step);
        SlotResult result = inner.Run(step, slot, sampleIds, stepSampleCount, gradient);
        if (faults.SpoilsGradient(step))
        {
            gradient[0] = float.NaN;
        }

        return result;
    }

    public EvaluationPart Evaluate(ReadOnlySpan<long> sampleIds) => inner.Evaluate(sampleIds);

    public void Dispose() => inner.Dispose();
}

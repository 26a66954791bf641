using Lockstep.Core.Metrics;
using Lockstep.Training;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Jobs;

/// <summary>The training library's slots as the loop wants them. The model and the data stay the caller's.</summary>
internal sealed class TorchTrainer(SlotTrainer trainer, long validationSamples) : ITrainer
{
    public int ElementCount { get; } = checked((int)trainer.ElementCount);

    public long ValidationSamples => validationSamples;

    public void CopyInitial(Span<float> values) => trainer.CopyInitial(values);

    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts) => trainer.Load(parts);

    public bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds) => trainer.Prepare(step, slot, sampleIds);

    public SlotResult Run(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient) => trainer.Run(step, slot, sampleIds, stepSampleCount, gradient);

    public EvaluationPart Evaluate(ReadOnlySpan<long> sampleIds) => trainer.Evaluate(sampleIds);

    public void Dispose() => trainer.Dispose();
}

using Lockstep.Core.Metrics;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>A worker's real trainer beside others in one process: libtorch draws from one generator a process, so slots go one by one.</summary>
/// <param name="beforeRun">Called with (step, slot) before a slot is computed.</param>
internal sealed class SharedTorch(PreparedJob job, Action<long, int> beforeRun) : ITrainer
{
    /// <summary>Collection of the tests that compute with libtorch: one after the other, as the tools draw from that generator too.</summary>
    public const string Generator = "libtorch's generator";

    // One for all workers of the process.
    private static readonly Lock Torch = new();

    public int ElementCount => job.Trainer.ElementCount;

    public long ValidationSamples => job.Trainer.ValidationSamples;

    public void CopyInitial(Span<float> values) => job.Trainer.CopyInitial(values);

    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts) => job.Trainer.Load(parts);

    public bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds) => job.Trainer.Prepare(step, slot, sampleIds);

    public SlotResult Run(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
    {
        beforeRun(step, slot);
        lock (Torch)
        {
            return job.Trainer.Run(step, slot, sampleIds, stepSampleCount, gradient);
        }
    }

    public EvaluationPart Evaluate(ReadOnlySpan<long> sampleIds) => job.Trainer.Evaluate(sampleIds);

    public void Dispose() => job.Dispose();
}

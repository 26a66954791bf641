using Lockstep.Core.Metrics;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>A worker's real trainer beside others in one process: libtorch draws from one generator a process, so slots go one by one.</summary>
internal sealed class SharedTorch : ITrainer
{
    /// <summary>Collection of the tests that compute with libtorch: one after the other, as the tools draw from that generator too.</summary>
    public const string Generator = "libtorch's generator";

    // One for all workers of the process.
    private static readonly Lock Torch = new();

    private readonly PreparedJob _job;
    private readonly Action<long, int> _beforeRun;

    /// <param name="open">Opens the job: a module's own initial values come from the generator as well.</param>
    /// <param name="beforeRun">Called with (step, slot) before a slot is computed.</param>
    public SharedTorch(Func<PreparedJob> open, Action<long, int> beforeRun)
    {
        _beforeRun = beforeRun;
        lock (Torch)
        {
            _job = open();
        }
    }

    public int ElementCount => _job.Trainer.ElementCount;

    public long ValidationSamples => _job.Trainer.ValidationSamples;

    public void CopyInitial(Span<float> values)
    {
        lock (Torch)
        {
            _job.Trainer.CopyInitial(values);
        }
    }

    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts) => _job.Trainer.Load(parts);

    public bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds) => _job.Trainer.Prepare(step, slot, sampleIds);

    public SlotResult Run(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
    {
        _beforeRun(step, slot);
        lock (Torch)
        {
            return _job.Trainer.Run(step, slot, sampleIds, stepSampleCount, gradient);
        }
    }

    public EvaluationPart Evaluate(ReadOnlySpan<long> sampleIds)
    {
        lock (Torch)
        {
            return _job.Trainer.Evaluate(sampleIds);
        }
    }

    public void Dispose() => _job.Dispose();
}

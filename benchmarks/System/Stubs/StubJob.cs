using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;
using Lockstep.Worker.Loop;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>A job of one tensor that is updated by Adam, and of which nothing is computed.</summary>
/// <param name="Bytes">Of its parameters.</param>
/// <param name="Folder">Of its checkpoints.</param>
internal sealed record StubJob(long Bytes, int Slots, string Folder)
{
    public const string JobId = "stub";

    /// <value>16: contributions have 16 bits, and workers pull bfloat16; 32: both are as by default.</value>
    public int Bits { get; init; } = 32;

    // More than are ever done.
    private const long Endless = 1_000_000_000;

    public int Elements => (int)(Bytes / sizeof(float));

    /// <summary>What all of its workers agree on.</summary>
    public TrainingPlan Create()
    {
        var sampler = new StepSampler(samples: Slots, globalBatch: Slots, Slots, seed: 1);
        var descriptor = new JobDescriptor
        {
            JobId = JobId,
            Tensors = [new TensorSpec("weight", TensorKind.Parameter, [Elements])],
            Shards = 1,
            Slots = Slots,
            Optimizer = new OptimizerSpec(),
            Schedule = new ScheduleSpec(),
            TotalSteps = Endless,
            StepsPerEpoch = sampler.StepsPerEpoch,
            Seed = 1,
            Contribution = Bits,
            Pull = Bits == 16 ? PullFormat.BFloat16 : PullFormat.Float32,
            CheckpointDirectory = Folder,
            DeterminismClass = "none",
            JobHash = "none",
        };
        return new TrainingPlan(descriptor, sampler, new ModelLayout(descriptor.Tensors, descriptor.Shards));
    }
}

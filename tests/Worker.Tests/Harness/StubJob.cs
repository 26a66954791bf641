using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>A job whose gradients cost nothing.</summary>
internal sealed record StubJob
{
    public const string Id = "job";
    public const ulong Seed = 11;

    /// <value>M.</value>
    public int Slots { get; init; } = 6;
    public long Samples { get; init; } = 48;
    public int GlobalBatch { get; init; } = 12;
    public long TotalSteps { get; init; } = 8;
    public long ValidationSamples { get; init; } = 20;
    public OptimizerSpec Optimizer { get; init; } = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.05 };
    public ScheduleSpec Schedule { get; init; } = new();
    /// <value>Bits of contributions.</value>
    public int Contribution { get; init; } = 32;
    public PullFormat Pull { get; init; } = PullFormat.Float32;
    /// <value>As dropout does: the gradient depends on (seed, step, slot).</value>
    public bool Noise { get; init; }
    /// <value>As batch norm has: tensors that take weighted differences.</value>
    public bool Buffers { get; init; }
    /// <value>At this step one slot's gradient is far beyond its range.</value>
    public long SpikeStep { get; init; } = -1;
    public long CheckpointEvery { get; init; }
    public int CheckpointKeep { get; init; } = 3;
    /// <value>By the one metric that a stub measures.</value>
    public BestPlan? Best { get; init; }

    public IReadOnlyList<TensorSpec> Tensors =>
    [
        new("0.weight", TensorKind.Parameter, [8, 9]),
        new("0.bias", TensorKind.Parameter, [8]),
        .. Buffers ? new TensorSpec[] { new("1.mean", TensorKind.Buffer, [33]), new("1.count", TensorKind.Buffer, []) } : [],
        new("2.weight", TensorKind.Parameter, [40]),
        new("2.bias", TensorKind.Parameter, [5]),
        new("3.weight", TensorKind.Parameter, [61]),
        new("4.weight", TensorKind.Parameter, [3, 17]),
        new("5.scale", TensorKind.Parameter, []),
    ];

    public TrainingPlan For(int shards, string checkpoints, long? resume = null)
    {
        var sampler = new StepSampler(Samples, GlobalBatch, Slots, Seed);
        var descriptor = new JobDescriptor
        {
            JobId = Id,
            Tensors = Tensors,
            Shards = shards,
            Slots = Slots,
            Optimizer = Optimizer,
            Schedule = Schedule,
            TotalSteps = TotalSteps,
            StepsPerEpoch = sampler.StepsPerEpoch,
            Seed = Seed,
            Contribution = Contribution,
            Pull = Pull,
            CheckpointEvery = CheckpointEvery,
            CheckpointKeep = CheckpointKeep,
            Best = Best,
            CheckpointDirectory = checkpoints,
            ResumeStep = resume,
            EvaluationSlots = EvaluationSlots.Count(ValidationSamples, Slots),
            DeterminismClass = "stub",
            JobHash = "stub",
        };
        return new TrainingPlan(descriptor, sampler, new ModelLayout(descriptor.Tensors, shards));
    }
}

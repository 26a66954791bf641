using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Scheduler.Tests.Recording;

/// <summary>What a worker would tell of a job.</summary>
internal static class Descriptors
{
    public static JobDescriptor Of(string determinismClass, long? resumeStep = null, bool acceptsClass = false, long stepsPerEpoch = 10) => new()
    {
        JobId = "job",
        Tensors = [new("a", TensorKind.Parameter, [4])],
        Shards = 1,
        Slots = 2,
        Optimizer = new OptimizerSpec(),
        Schedule = new ScheduleSpec(),
        TotalSteps = 100,
        StepsPerEpoch = stepsPerEpoch,
        Seed = 1,
        CheckpointDirectory = "none",
        ResumeStep = resumeStep,
        AcceptsClass = acceptsClass,
        DeterminismClass = determinismClass,
        JobHash = "job",
    };
}

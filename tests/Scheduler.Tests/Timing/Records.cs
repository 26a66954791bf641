using Lockstep.Contracts.Runs;

namespace Lockstep.Scheduler.Tests.Timing;

/// <summary>Records of no particular run.</summary>
internal static class Records
{
    public static StepRecord Step(long step) => new() { Step = step, Loss = 1, Samples = 8, Epoch = 0, LearningRate = 1, StepMs = 1, BarrierMs = 1, SyncMs = 1, UpdateMs = 1, SlotsByWorker = new Dictionary<string, int>(), GroupSizes = [] };
}

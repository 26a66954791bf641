namespace Lockstep.Core.Protocol;

/// <summary>One finished step, as one shard saw it.</summary>
/// <param name="Reports">One a slot, in slot order.</param>
/// <param name="SlotWorkers">Whose contribution of each slot counted.</param>
public sealed record CommittedStep(Cursor Cursor, double LearningRate, IReadOnlyList<SlotReport> Reports, IReadOnlyList<string> SlotWorkers, StepCounters Counters)
{
    /// <value>Blocks of which some slot exceeded the hint.</value>
    public int EscapedBlocks { get; init; }

    /// <value>Bits of a sum that the hint left unused: no more in 99% of the blocks that fit it.</value>
    public int UnusedBits { get; init; }
}

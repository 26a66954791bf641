using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>Joins what the shards saw of a step to one report.</summary>
internal static class StepReports
{
    /// <param name="own">What ps-0's own shard saw.</param>
    /// <param name="parts">What the shards announced, by shard.</param>
    /// <param name="grants">Since the step before.</param>
    public static StepReport Of(CommittedStep own, IReadOnlyList<ShardAnnouncement> parts, GrantCounts grants)
    {
        double loss = 0;
        long samples = 0;
        foreach (SlotReport slot in own.Reports)
        {
            loss += slot.LossSum;
            samples += slot.Samples;
        }

        StepCounters counters = own.Counters;
        return new StepReport
        {
            Cursor = own.Cursor,
            Loss = loss / samples,
            Samples = samples,
            LearningRate = own.LearningRate,
            SlotWorkers = own.SlotWorkers,
            GroupSizes = [.. counters.GroupSizes],
            Accepted = counters.Accepted,
            Duplicate = counters.Duplicate,
            Stale = counters.Stale,
            Refused = counters.Refused,
            Mismatched = parts.Sum(p => p.Mismatched),
            EscapedBlocks = parts.Sum(p => p.EscapedBlocks),
            GatherMs = parts.Max(p => p.GatherMs),
            SyncMs = counters.SyncMs,
            SlotMs = counters.SlotMs,
            Granted = grants.Granted,
            GrantedAgain = grants.Repeated,
            Revoked = grants.Revoked,
            CheckpointBlockedMs = parts.Max(p => p.CheckpointBlockedMs),
        };
    }
}

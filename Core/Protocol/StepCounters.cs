namespace Lockstep.Core.Protocol;

/// <summary>What happened on one shard since the last version.</summary>
public sealed class StepCounters
{
    public int Accepted { get; set; }
    public int Duplicate { get; set; }
    public int Stale { get; set; }
    public int Refused { get; set; }
    public int Mismatched { get; set; }
    /// <value>The longest that a contributing worker reported, milliseconds.</value>
    public double SyncMs { get; set; }
    /// <value>By worker, the mean time of its newest slots as it said last, milliseconds; of ps-0 only.</value>
    public Dictionary<string, double> SlotMs { get; } = new(StringComparer.Ordinal);
    /// <value>Slots of each group that was added to the first chunk.</value>
    public List<int> GroupSizes { get; } = [];
}

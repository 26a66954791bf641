namespace Lockstep.Core.Protocol;

/// <summary>What a shard does with the step in hand.</summary>
public enum StepDecision
{
    /// <summary>Some slot is missing in some chunk.</summary>
    Wait = 0,
    Update = 1,
    /// <summary>Two workers say of one slot that it is NaN or infinite.</summary>
    NotFinite = 2,
}

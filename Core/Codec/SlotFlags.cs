namespace Lockstep.Core.Codec;

/// <summary>What went wrong while a slot's gradient was encoded.</summary>
[Flags]
public enum SlotFlags : byte
{
    None = 0,
    /// <summary>A value was beyond its block's range and was clamped: the step is repeated with a wider one.</summary>
    Overflow = 1,
    /// <summary>A value was NaN or infinite.</summary>
    NonFinite = 2,
}

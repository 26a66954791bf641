namespace Lockstep.Core.Protocol;

/// <summary>How fast a worker is, as it says itself whenever it waits for a version: also one whose slots others bring in its place.</summary>
/// <param name="SlotMs">The usual time of a slot, milliseconds; 0: it has computed none.</param>
public readonly record struct WorkerPace(string? WorkerId, double SlotMs)
{
    public bool IsKnown => !string.IsNullOrEmpty(WorkerId) && double.IsFinite(SlotMs) && SlotMs > 0;
}

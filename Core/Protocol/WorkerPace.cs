namespace Lockstep.Core.Protocol;

/// <summary>How fast a worker is, as it says itself whenever it waits for a version: also one whose slots others bring in its place.</summary>
/// <param name="SlotMs">Mean time of the slots that it computed since the version before, milliseconds; 0: none.</param>
public readonly record struct WorkerPace(string? WorkerId, double SlotMs)
{
    public bool IsKnown => !string.IsNullOrEmpty(WorkerId) && double.IsFinite(SlotMs) && SlotMs > 0;
}

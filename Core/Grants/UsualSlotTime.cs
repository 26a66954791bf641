namespace Lockstep.Core.Grants;

/// <summary>How the usual time of a slot follows what slots take, alike for the coordinator and for workers.</summary>
public static class UsualSlotTime
{
    private const double Weight = 0.2;

    /// <param name="usual">Before, in any unit; 0: not known.</param>
    /// <param name="time">What a slot took, in the same unit.</param>
    public static double After(double usual, double time) => usual == 0 ? time : usual + (Weight * (time - usual));
}

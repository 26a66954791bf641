namespace Lockstep.Contracts.Services;

/// <summary>What the states of a job have in common.</summary>
public static class JobStates
{
    /// <summary>Whether nothing more happens to a job in this state.</summary>
    public static bool IsOver(this JobState state) => state is JobState.Finished or JobState.Failed or JobState.Cancelled;
}

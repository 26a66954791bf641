namespace Lockstep.Scheduler.Scaling;

/// <summary>One job as the policy sees it.</summary>
/// <param name="Slots">M: more workers cannot help.</param>
/// <param name="Active">Workers that work on it now.</param>
/// <param name="Speeds">Measured samples a second, by number of workers; only of numbers that were measured.</param>
/// <param name="Target">What the policy wanted last; 0: nothing yet.</param>
/// <param name="TargetSince">When that was decided.</param>
/// <param name="Retreated">When a larger number was last given up as useless; null: never.</param>
public sealed record JobScalingSnapshot(string JobId, int Minimum, int Maximum, int Slots, int Active, IReadOnlyDictionary<int, double> Speeds, int Target, DateTimeOffset TargetSince, DateTimeOffset? Retreated);

/// <summary>What the jobs want now.</summary>
/// <param name="Scale">What a person asked for; null: the policy decides.</param>
/// <param name="Limit">The most workers that there may be.</param>
/// <param name="IdleSince">Since when no job wants workers; null: one does.</param>
/// <param name="Desired">What was desired last.</param>
public sealed record ScalingSnapshot(IReadOnlyList<JobScalingSnapshot> Jobs, int? Scale, int Limit, DateTimeOffset? IdleSince, int Desired);

/// <param name="Retreats">The job gives a larger number up.</param>
/// <param name="IsLimit">The target is the most that the job takes, and no number that anybody starts.</param>
public sealed record JobScalingDecision(string JobId, int Target, string Reason, bool Retreats = false, bool IsLimit = false);

/// <param name="Desired">Workers that there shall be.</param>
/// <param name="Jobs">How they are shared out, in the jobs' order.</param>
public sealed record ScalingDecision(int Desired, string Reason, IReadOnlyList<JobScalingDecision> Jobs);

/// <summary>Decides how many workers there shall be. Pure: the same snapshot at the same time gives the same decision.</summary>
public interface IScalingPolicy
{
    ScalingDecision Decide(DateTimeOffset now, ScalingSnapshot snapshot);
}

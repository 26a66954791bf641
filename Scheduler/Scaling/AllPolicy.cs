namespace Lockstep.Scheduler.Scaling;

/// <summary>For a launcher with a fixed number of workers: every job may have all it takes, in order of submission.</summary>
public sealed class AllPolicy : IScalingPolicy
{
    public ScalingDecision Decide(DateTimeOffset now, ScalingSnapshot snapshot)
    {
        JobScalingDecision[] jobs = [.. snapshot.Jobs.Select(job => new JobScalingDecision(job.JobId, job.Maximum, "the number of workers is fixed", IsLimit: true))];
        return new(snapshot.Scale ?? snapshot.Desired, "the number of workers is fixed", jobs);
    }
}

using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Scheduler.Redis;

namespace Lockstep.Scheduler.Jobs;

/// <summary>A job whose fleet started again with fewer parameter servers goes on with those there are. The result does not depend on their number.</summary>
internal static class Relayout
{
    /// <summary>Whether a job is to be done and has more shards than there are.</summary>
    public static bool Lacks(JobRecord record, int shards)
    {
        if (record.State.IsOver())
        {
            return false;
        }

        try
        {
            return JobFile.FromCanonicalJson(record.Request.JobJson).Shards > shards;
        }
        catch (InputException)
        {
            return false;
        }
    }

    /// <summary>The job from its newest checkpoint on, laid out for fewer shards.</summary>
    /// <param name="shards">Parameter servers that there are.</param>
    /// <returns>Null: it may stay as it is, or its folder cannot be read.</returns>
    public static JobRecord? Of(JobRecord record, int shards)
    {
        if (shards == 0 || !Lacks(record, shards))
        {
            return null;
        }

        try
        {
            JobSpec spec = JobFile.FromCanonicalJson(record.Request.JobJson);
            RecordedCheckpoint newest = RecordedCheckpoints.TakeNewest(new RunFolder(record.Request.RunDirectory), record.Request.JobId);
            return new JobRecord(
                record.Request with { JobJson = JobFile.ToCanonicalJson(spec with { Shards = shards }), ResumeStep = newest.Version, AcceptClass = record.Request.AcceptClass && newest.Version == record.Request.ResumeStep, AcceptCode = record.Request.AcceptCode && newest.Version == record.Request.ResumeStep },
                record.State == JobState.Paused ? JobState.Paused : JobState.Queued,
                null,
                record.Progress with { Step = newest.Version ?? 0 });
        }
        catch (Exception exception) when (exception is InputException or IOException or UnauthorizedAccessException)
        {
            // The job ends with what is missing: a parameter server.
            return null;
        }
    }
}

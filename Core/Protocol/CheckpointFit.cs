using Lockstep.Core.Checkpoints;

namespace Lockstep.Core.Protocol;

/// <summary>Whether a job may go on from a checkpoint.</summary>
internal static class CheckpointFit
{
    /// <exception cref="ProtocolException">The checkpoint is of another job, another determinism class that nobody accepted, or another model.</exception>
    public static void Require(JobDescriptor job, CheckpointSet set)
    {
        if (set.Descriptor.JobHash != job.JobHash)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {job.JobId}: the checkpoint at {set.Directory} was cut by another job or with other data ({set.Descriptor.JobHash} instead of {job.JobHash}). Resume with the job and data that it was started with, or start a new run.");
        }

        // Initial values have the same bits everywhere.
        bool isAccepted = set.Version == job.ResumeStep && OtherClass.IsAccepted(set.Descriptor.DeterminismClass, job.DeterminismClass, job.AcceptsClass, job.AcceptsCode);
        if (set.Descriptor.DeterminismClass != job.DeterminismClass && set.Version > 0 && !isAccepted)
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {job.JobId}: {OtherClass.Problem($"the checkpoint at {set.Directory}", set.Descriptor.DeterminismClass, job.DeterminismClass)} {OtherClass.Remedy(set.Descriptor.DeterminismClass, job.DeterminismClass)}");
        }

        if (!set.Descriptor.Tensors.Select(t => (t.Name, t.Kind, t.Elements)).SequenceEqual(job.Tensors.Select(t => (t.Name, t.Kind, t.Elements))))
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {job.JobId}: the checkpoint at {set.Directory} holds another model.");
        }
    }
}

namespace Lockstep.Core.Protocol;

/// <summary>Whether contributions fit a job and a shard of it.</summary>
/// <param name="chunks">Of the shard.</param>
internal sealed class ContributionCheck(JobDescriptor descriptor, int shard, int chunks)
{
    /// <summary>Looks through what comes before a contribution's chunks.</summary>
    /// <exception cref="ProtocolException">It does not fit; what is wrong is named.</exception>
    public void Require(Contribution header)
    {
        if (header.Reports.Count == 0)
        {
            throw Invalid(header, "it has no slots");
        }

        int last = -1;
        foreach (SlotReport report in header.Reports)
        {
            if (report.Slot <= last || report.Slot >= descriptor.Slots)
            {
                throw Invalid(header, $"slot {report.Slot} after {last} is not in ascending order within 0 … {descriptor.Slots - 1}");
            }

            if (report.IsNotFinite && header.Reports.Count > 1)
            {
                throw Invalid(header, $"slot {report.Slot} is not finite, and does not come alone");
            }

            int hashes = report.IsNotFinite ? 0 : chunks;
            if (report.ChunkHashes.Count != hashes)
            {
                throw Invalid(header, $"slot {report.Slot} has {report.ChunkHashes.Count} chunk hashes, not {hashes} on shard {shard}");
            }

            if (report.Samples < 0)
            {
                throw Invalid(header, $"slot {report.Slot} reports {report.Samples} samples");
            }

            last = report.Slot;
        }
    }

    /// <summary>What is said of a contribution that does not fit.</summary>
    public ProtocolException Invalid(Contribution header, string what) =>
        new(ProtocolError.Invalid, $"Job {descriptor.JobId}, {header.Cursor}: a contribution of worker {header.WorkerId} is refused by shard {shard}: {what}.");
}

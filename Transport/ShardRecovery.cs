using Lockstep.Core.Protocol;

namespace Lockstep.Transport;

/// <summary>Takes a job up again after a shard lost what it held; called by the scheduler with the highest term.</summary>
public static class ShardRecovery
{
    /// <summary>Whether the shards' states can only be mended by going back to a checkpoint.</summary>
    /// <param name="statuses">Of all shards of the job, by index.</param>
    /// <param name="before">As the caller last saw them when all had the job; null: it never did, and one that has not heard of a job that just begins may be about to.</param>
    /// <param name="start">Version that the job began with.</param>
    /// <param name="earlier">A look that had ended when that at <paramref name="statuses"/> began. One look alone sees the shards at different moments, and a shard that answered first seems to be behind the others; null: nothing moves.</param>
    public static bool IsNeeded(IReadOnlyList<ShardStatus> statuses, IReadOnlyList<ShardStatus>? before = null, IReadOnlyList<ShardStatus>? earlier = null, long start = 0)
    {
        ShardStatus[] hosted = [.. statuses.Where(s => s.Hosted)];
        if (before is not null && (hosted.Length < statuses.Count || !statuses.Select(s => s.Incarnation).SequenceEqual(before.Select(s => s.Incarnation))))
        {
            // Also where a worker has opened the job anew at the process that took a shard's place.
            return true;
        }

        if (hosted.Select(s => s.Cursor.Generation).Distinct().Count() > 1)
        {
            return true;
        }

        // Nobody computes before all shards have values, nor for a cursor before all are there.
        ShardStatus[] ready = [.. hosted.Where(s => !s.NeedsValues)];
        ShardStatus[] ahead = [.. (earlier ?? statuses).Where(s => s.Hosted && !s.NeedsValues && hosted.Any(h => h.Cursor.Generation == s.Cursor.Generation))];
        bool isUnderWay = ahead.Any(s => s.Cursor.Step > start);
        return (isUnderWay && statuses.Any(s => !s.Hosted || s.NeedsValues)) || (ready.Length > 0 && ahead.Length > 0 && ahead.Max(s => s.Cursor.Step) - ready.Min(s => s.Cursor.Step) > 1);
    }

    /// <summary>Takes the job up on all shards from the newest checkpoint set that all of them see; from an older one where that turns out to be damaged; from the start where there is none. Waits for shards that cannot be reached.</summary>
    /// <param name="term">The caller's.</param>
    /// <param name="lastGeneration">The highest generation that the caller knows of.</param>
    /// <exception cref="ProtocolException">Superseded: another scheduler is in charge. Otherwise: the job cannot be taken up, and why.</exception>
    public static async Task<RestoredJob> RunAsync(IReadOnlyList<IShardControl> shards, JobDescriptor descriptor, long term, int lastGeneration, CancellationToken cancellation)
    {
        HashSet<long> unread = [];
        int generation = lastGeneration;
        while (true)
        {
            ShardStatus[] statuses = await Task.WhenAll(shards.Select(shard => shard.StatusAsync(descriptor.JobId, cancellation)));
            CheckpointInventory[] inventories = await Task.WhenAll(shards.Select(shard => shard.CheckpointsAsync(descriptor, cancellation)));
            generation = 1 + Math.Max(generation, Math.Max(statuses.Max(s => s.Cursor.Generation), inventories.Max(i => i.Generation)));
            long? version = inventories
                .Aggregate(inventories[0].Versions.AsEnumerable(), (common, inventory) => common.Intersect(inventory.Versions))
                .Where(candidate => !unread.Contains(candidate))
                .Select(candidate => (long?)candidate)
                .Max();
            try
            {
                await Task.WhenAll(shards.Select(shard => shard.RestoreAsync(descriptor, term, generation, version, cancellation)));
                // A shard that goes on until it is told lets old sets go: one that is not there any more was not damaged.
                return new RestoredJob(generation, version, [.. unread.Where(candidate => inventories.All(inventory => inventory.Versions.Contains(candidate))).Order()]);
            }
            catch (ProtocolException exception) when (exception.Error == ProtocolError.Checkpoint && version is { } unreadable)
            {
                unread.Add(unreadable);
            }
        }
    }
}

/// <param name="Version">Null: from the start.</param>
/// <param name="Damaged">Versions of newer sets that could not be used.</param>
public sealed record RestoredJob(int Generation, long? Version, IReadOnlyList<long> Damaged);

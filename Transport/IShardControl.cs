using Lockstep.Core.Protocol;

namespace Lockstep.Transport;

/// <summary>What the scheduler needs of a shard: to see that it is there, to keep checkpoints, to take a job up again, to end it.</summary>
public interface IShardControl : IShardConnection
{
    /// <summary>Tells at once when the shard's process is reached, is gone, and is reached again; without end. Another incarnation has lost all that the one before held.</summary>
    IAsyncEnumerable<ShardPresence> PresenceAsync(CancellationToken cancellation);

    /// <summary>The descriptor of a job that the shard hosts; null where it hosts none of that id.</summary>
    Task<JobDescriptor?> DescribeAsync(string jobId, CancellationToken cancellation);

    /// <summary>ps-0 only: keeps the version after the step in hand as a checkpoint. See <see cref="IShardPeer.CheckpointAsync"/>.</summary>
    /// <returns>The version, once its set is on disk.</returns>
    Task<long> CheckpointAsync(string jobId, CancellationToken cancellation);

    /// <summary>Keeps the shard's part of the version that it is at as a checkpoint; to all shards of a job that stands still. See <see cref="IShardHost.KeepAsync"/>.</summary>
    /// <returns>False: the shard is at another version, or does not have the job.</returns>
    Task<bool> KeepAsync(string jobId, long version, CancellationToken cancellation);

    /// <summary>What the shard finds on the disk for a job, hosted or not.</summary>
    Task<CheckpointInventory> CheckpointsAsync(JobDescriptor descriptor, CancellationToken cancellation);

    /// <summary>Takes a job up again, hosted or not, from a checkpoint; to all shards of the job. See <see cref="IShardHost.RestoreAsync"/>.</summary>
    Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation);

    /// <summary>Lets go of the job's memory; checkpoints stay.</summary>
    Task CloseAsync(string jobId, CancellationToken cancellation);
}

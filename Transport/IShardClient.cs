using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport;

/// <summary>A connection to one shard. The seam between the protocol and whatever carries it: gRPC between hosts, shared memory on one.</summary>
/// <remarks>Every call may be repeated: the shard's answer does not change. Calls retry on a broken connection until cancelled, with back-off.</remarks>
public interface IShardClient : IAsyncDisposable
{
    int Shard { get; }

    /// <value>What carries the bytes, for telemetry: grpc, memory; local where shard and client are one process.</value>
    string Path => "local";

    /// <summary>Makes the job known to the shard; the same again is a no-op, another descriptor under the same id is refused.</summary>
    /// <returns>Whether the shard waits for initial values.</returns>
    Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation);

    /// <summary>Gives the values of version 0: the elements of the shard's chunks in chunk order. Equal bits are accepted again, others refused.</summary>
    Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation);

    /// <summary>The descriptor of a job that the shard hosts; null where it hosts none of that id.</summary>
    Task<JobDescriptor?> DescribeAsync(string jobId, CancellationToken cancellation);

    /// <summary>Opens a worker's stream and serves it to its end, however that comes: returns once it broke, after a pause where the shard is out of reach. To be called again.</summary>
    /// <exception cref="ProtocolException">The shard ended it, and says why.</exception>
    /// <exception cref="OperationCanceledException">It was called off.</exception>
    Task WorkAsync(string jobId, string workerId, IStepReceiver receiver, CancellationToken cancellation);

    /// <summary>ps-0 only: what a worker has in hand, or left behind when its stream ended, in a step that is not over; null: nothing.</summary>
    Task<AbandonedSlots?> InHandAsync(string jobId, string workerId, CancellationToken cancellation);

    /// <summary>ps-0 only: reports from number <paramref name="from"/> on (0-based), then new ones as they come; ends after the one that says Finished.</summary>
    IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation);

    /// <summary>ps-0 only: keeps the version after the step in hand as a checkpoint. See <see cref="IShardPeer.CheckpointAsync"/>.</summary>
    /// <returns>The version, once its set is on disk.</returns>
    Task<long> CheckpointAsync(string jobId, CancellationToken cancellation);

    /// <summary>Lets go of the job's memory; checkpoints stay.</summary>
    Task CloseAsync(string jobId, CancellationToken cancellation);

    /// <summary>Takes a job up again, hosted or not, from a checkpoint; the scheduler's, to all shards of the job. See <see cref="IShardHost.RestoreAsync"/>.</summary>
    Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation);

    /// <summary>How the shard stands with a job. Waits until the shard can be reached.</summary>
    Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation);

    /// <summary>Keeps the shard's part of the version that it is at as a checkpoint; the scheduler's, to all shards of a job that stands still. See <see cref="IShardHost.KeepAsync"/>.</summary>
    /// <returns>False: the shard is at another version, or does not have the job.</returns>
    Task<bool> KeepAsync(string jobId, long version, CancellationToken cancellation);

    /// <summary>What the shard finds on the disk for a job, hosted or not.</summary>
    Task<CheckpointInventory> CheckpointsAsync(JobDescriptor descriptor, CancellationToken cancellation);

    /// <summary>Tells at once when the shard's process is reached, is gone, and is reached again; without end. Another incarnation has lost all that the one before held.</summary>
    IAsyncEnumerable<ShardPresence> PresenceAsync(CancellationToken cancellation);
}

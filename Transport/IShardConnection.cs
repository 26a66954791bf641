using Lockstep.Core.Protocol;

namespace Lockstep.Transport;

/// <summary>A connection to one shard. The seam between the protocol and whatever carries it: gRPC between hosts, shared memory on one. Who uses it takes the part that it needs: <see cref="IShardWork"/>, <see cref="IShardControl"/>, <see cref="IShardFeed"/>; shards among themselves <see cref="IShardPeer"/>.</summary>
/// <remarks>Every call may be repeated: the shard's answer does not change. Calls retry on a broken connection until cancelled, with back-off.</remarks>
public interface IShardConnection : IAsyncDisposable
{
    int Shard { get; }

    /// <summary>How the shard stands with a job. Waits until the shard can be reached.</summary>
    Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation);
}

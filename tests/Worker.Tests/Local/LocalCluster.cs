using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;
using Lockstep.Transport;

namespace Lockstep.Worker.Tests.Local;

/// <summary>All shards of a cluster in one process.</summary>
internal sealed class LocalCluster : IAsyncDisposable
{
    /// <param name="shards">At least 1.</param>
    public LocalCluster(int shards, TimeProvider time, IShardObserver? observer = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shards, 1);
        var hosts = new ShardHost[shards];
        for (int shard = 0; shard < shards; shard++)
        {
            hosts[shard] = new ShardHost(shard, shard == 0 ? null : hosts[0], long.MaxValue, time, observer ?? new SilentShardObserver());
        }

        Hosts = hosts;
        Shards = [.. hosts.Select((host, shard) => new LocalShardClient(host, shard))];
    }

    public IReadOnlyList<ShardHost> Hosts { get; }

    /// <value>By index.</value>
    public IReadOnlyList<LocalShardClient> Shards { get; }

    /// <summary>Lets go of all jobs and waits until nothing is being written.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (ShardHost host in Hosts)
        {
            await host.DisposeAsync();
        }
    }
}

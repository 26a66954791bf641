using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Microsoft.Extensions.Configuration;

namespace Lockstep.Transport;

/// <summary>Finds the shards by configuration, as every launcher sets it: <c>services:ps-0:grpc:0</c> and so on.</summary>
public static class ShardClients
{
    /// <summary>A client for each shard, by index.</summary>
    /// <exception cref="InputException">An address is missing or no absolute URI.</exception>
    public static IReadOnlyList<IShardClient> FromConfiguration(IConfiguration configuration, int shards, TimeProvider time) =>
        [.. Enumerable.Range(0, shards).Select(shard => Create(configuration, shard, time))];

    /// <summary>The calls from shard to shard.</summary>
    public static IShardPeer Peer(IConfiguration configuration, int shard, TimeProvider time) => Create(configuration, shard, time);

    private static GrpcShardClient Create(IConfiguration configuration, int shard, TimeProvider time)
    {
        string name = EnvironmentNames.ShardGrpc(shard);
        string? text = configuration[name.Replace("__", ":", StringComparison.Ordinal)];
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            ? new GrpcShardClient(address!, shard, time)
            : throw new InputException("environment", 0, $"{name} is '{text}', which is no address of a parameter server.", $"Set it to the gRPC address of shard {shard}, such as http://ps-{shard}:8081, or lower the job's 'shards'.");
    }
}

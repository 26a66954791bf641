using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Lockstep.Transport;

/// <summary>Finds the shards by configuration, as every launcher sets it: <c>services:ps-0:grpc:0</c> and so on.</summary>
public static class ShardClients
{
    /// <summary>How many shards the configuration names: from 0 on without a gap.</summary>
    public static int Count(IConfiguration configuration)
    {
        int shards = 0;
        while (!string.IsNullOrEmpty(configuration[NameOf(shards)]))
        {
            shards++;
        }

        return shards;
    }

    /// <summary>A client for each shard, by index. The caller takes the part that it needs: <see cref="IShardWork"/>, <see cref="IShardControl"/>, <see cref="IShardFeed"/>.</summary>
    /// <param name="leave">The caller is going: it does not wait for shards that are out of reach any more.</param>
    /// <exception cref="InputException">An address is missing or no absolute URI, or the transport is none.</exception>
    public static IReadOnlyList<GrpcShardClient> FromConfiguration(IConfiguration configuration, int shards, TimeProvider time, ILogger? logger = null, CancellationToken leave = default)
    {
        StreamTransport transport = StreamTransports.From(configuration);
        // All addresses first: an exception leaves no client behind.
        Uri[] addresses = [.. Enumerable.Range(0, shards).Select(shard => AddressOf(configuration, shard))];
        return [.. addresses.Select((address, shard) => new GrpcShardClient(address, shard, time, logger, configuration[EnvironmentNames.Secret], leave, transport))];
    }

    /// <summary>The calls from shard to shard.</summary>
    /// <exception cref="InputException">The address is missing or no absolute URI.</exception>
    public static IShardPeer Peer(IConfiguration configuration, int shard, TimeProvider time, ILogger? logger = null) => new GrpcShardClient(AddressOf(configuration, shard), shard, time, logger, configuration[EnvironmentNames.Secret]);

    private static string NameOf(int shard) => EnvironmentNames.ShardGrpc(shard).Replace("__", ":", StringComparison.Ordinal);

    private static Uri AddressOf(IConfiguration configuration, int shard)
    {
        string name = EnvironmentNames.ShardGrpc(shard);
        string? text = configuration[NameOf(shard)];
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            ? address
            : throw new InputException(InputException.ProcessEnvironment, 0, $"{name} is '{text}', which is no address of a parameter server.", $"Set it to the gRPC address of shard {shard}, such as http://ps-{shard}:8081, or lower the job's 'shards'.");
    }
}

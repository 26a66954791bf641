using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Transport.Grpc;
using Microsoft.Extensions.Configuration;

namespace Lockstep.Transport.Tests;

public sealed class ShardClientsTests
{
    [Fact]
    public async Task Makes_a_client_for_each_shard()
    {
        IConfiguration configuration = Configuration(("services:ps-0:grpc:0", "http://127.0.0.1:5000"), ("services:ps-1:grpc:0", "https://ps-1:8081"));

        IReadOnlyList<GrpcShardClient> clients = ShardClients.FromConfiguration(configuration, 2, TimeProvider.System, leave: TestContext.Current.CancellationToken);

        Assert.Equal([0, 1], clients.Select(c => c.Shard));
        Assert.IsType<GrpcShardClient>(ShardClients.Peer(configuration, 1, TimeProvider.System));
        foreach (GrpcShardClient client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public void Reads_the_names_that_launchers_set()
    {
        const int Shard = 9_731;
        Environment.SetEnvironmentVariable(EnvironmentNames.ShardGrpc(Shard), "http://127.0.0.1:5000");
        IConfiguration configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();

        Assert.NotNull(ShardClients.Peer(configuration, Shard, TimeProvider.System));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("ps-1:8081")]
    [InlineData("redis://ps-1:8081")]
    public void Names_the_setting_that_is_missing_or_wrong(string? address)
    {
        IConfiguration configuration = Configuration(("services:ps-0:grpc:0", "http://127.0.0.1:5000"), ("services:ps-1:grpc:0", address));

        var exception = Assert.Throws<InputException>(() => ShardClients.FromConfiguration(configuration, 2, TimeProvider.System, leave: TestContext.Current.CancellationToken));

        Assert.Contains("services__ps-1__grpc__0", exception.Message, StringComparison.Ordinal);
        Assert.Contains("http://ps-1:8081", exception.Message, StringComparison.Ordinal);
    }

    private static IConfiguration Configuration(params (string Key, string? Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, s.Value))).Build();
}

using Lockstep.Contracts.Services;
using Lockstep.Scheduler;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Lockstep.ServiceDefaults.Tests.Health;

public sealed class ShardsCheckTests
{
    [Fact]
    public async Task A_parameter_server_that_is_not_there_is_named()
    {
        HealthCheckResult result = await CheckAsync((EnvironmentNames.ShardGrpc(0), $"http://127.0.0.1:{LoopbackPort.Free()}"));

        Assert.Equal((HealthStatus.Unhealthy, "Parameter server 0 does not answer."), (result.Status, result.Description));
    }

    [Fact]
    public async Task An_address_that_is_none_is_named_with_a_remedy()
    {
        HealthCheckResult result = await CheckAsync((EnvironmentNames.ShardGrpc(0), "nowhere"));

        Assert.Equal(HealthStatus.Unhealthy, result.Status);
        Assert.Contains("'nowhere'", result.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_parameter_servers_in_the_configuration_there_are_none_to_miss() => Assert.Equal(HealthStatus.Healthy, (await CheckAsync()).Status);

    private static async Task<HealthCheckResult> CheckAsync(params (string Name, string Value)[] settings)
    {
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => new KeyValuePair<string, string?>(s.Name.Replace("__", ":", StringComparison.Ordinal), s.Value))).Build();
        await using var check = new ShardsCheck(configuration, TimeProvider.System);
        return await check.CheckHealthAsync(new HealthCheckContext { Registration = new HealthCheckRegistration("shards", check, HealthStatus.Unhealthy, []) }, TestContext.Current.CancellationToken);
    }
}

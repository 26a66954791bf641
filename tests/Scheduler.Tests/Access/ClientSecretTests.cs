using Lockstep.ParameterServer.Hosting;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Transport.Grpc;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Scheduler.Tests.Access;

/// <summary>The services' own clients send the secret.</summary>
public sealed class ClientSecretTests
{
    [Fact]
    public async Task A_client_with_the_secret_gets_in_and_one_without_is_told_what_is_missing()
    {
        await using InProcessService server = await InProcessService.ParameterServerAsync(("LOCKSTEP_SECRET", InProcessService.Secret));
        await using var right = new GrpcShardClient(server.Grpc, 0, TimeProvider.System, secret: InProcessService.Secret);
        Assert.Null(await right.DescribeAsync("none", Token));

        await using var without = new GrpcShardClient(server.Grpc, 0, TimeProvider.System);
        string message = (await Assert.ThrowsAsync<InvalidOperationException>(() => without.DescribeAsync("none", Token))).Message;
        Assert.Contains("carries no secret", message, StringComparison.Ordinal);
        Assert.Contains("LOCKSTEP_SECRET", message, StringComparison.Ordinal);

        await using var wrong = new GrpcShardClient(server.Grpc, 0, TimeProvider.System, secret: InProcessService.Key);
        message = (await Assert.ThrowsAsync<InvalidOperationException>(() => wrong.DescribeAsync("none", Token))).Message;
        Assert.Contains("is not this service's", message, StringComparison.Ordinal);
        Assert.DoesNotContain(InProcessService.Secret, message, StringComparison.Ordinal);
        Assert.Empty(server.Services.GetRequiredService<ShardHost>().Jobs);
    }
}

using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Tests.Servers;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Tests.Redis;

/// <summary>The list that KEDA reads, and what a person asked for, on a real server.</summary>
public abstract class WantedWorkersTests(RedisServer server)
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _queue = RedisServer.NewId();

    [Fact]
    public async Task The_list_is_as_long_as_workers_are_wanted()
    {
        IConnectionMultiplexer redis = await server.ConnectAsync();
        var wanted = new WantedWorkers(redis, _queue);
        foreach (int workers in (int[])[3, 5, 5, 2, 0, 1])
        {
            await wanted.PublishAsync(workers, None);
            Assert.Equal(workers, await redis.GetDatabase().ListLengthAsync(new RedisKeys(_queue).WantedWorkers));
        }
    }

    [Fact]
    public async Task What_a_person_asked_for_is_there_for_the_next_scheduler()
    {
        IConnectionMultiplexer redis = await server.ConnectAsync();
        var wanted = new WantedWorkers(redis, _queue);
        Assert.Null(await wanted.AskedAsync(None));
        await wanted.AskAsync(0, None);
        Assert.Equal(0, await new WantedWorkers(redis, _queue).AskedAsync(None));
        await wanted.AskAsync(7, None);
        Assert.Equal(7, await new WantedWorkers(redis, _queue).AskedAsync(None));
        await wanted.AskAsync(null, None);
        Assert.Null(await wanted.AskedAsync(None));
    }

    [Fact]
    public async Task What_the_policy_goes_by_is_there_for_the_next_scheduler()
    {
        IConnectionMultiplexer redis = await server.ConnectAsync();
        var wanted = new WantedWorkers(redis, _queue);
        Assert.Null(await wanted.RecallAsync(None));
        await wanted.RememberAsync("a", None);
        await wanted.RememberAsync("b", None);
        Assert.Equal("b", await new WantedWorkers(redis, _queue).RecallAsync(None));
    }
}

public sealed class RedisWantedWorkersTests(DebianRedis server) : WantedWorkersTests(server);

public sealed class GarnetWantedWorkersTests(EmbeddedGarnet server) : WantedWorkersTests(server);

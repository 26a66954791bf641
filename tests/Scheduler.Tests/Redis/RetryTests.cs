using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Tests.Servers;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Tests.Redis;

/// <summary>What calls do when the server or the way to it breaks. Each test has a server of its own.</summary>
public abstract class RetryTests : IAsyncLifetime
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private protected abstract RedisServer Server { get; }

    public ValueTask InitializeAsync() => Server.InitializeAsync();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Server.DisposeAsync();
    }

    [Fact]
    public async Task Calls_that_are_pending_while_the_server_is_killed_and_restarted_are_answered()
    {
        var redis = (ConnectionMultiplexer)await Server.ConnectAsync();
        var wanted = new WantedWorkers(redis);
        await wanted.AskAsync(1, Stop);
        var broken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        redis.ConnectionFailed += (_, _) => broken.TrySetResult();
        await Server.StopAsync();
        await broken.Task.WaitAsync(Patience, Stop);

        Task<int?> asked = wanted.AskedAsync(Stop);
        Task<IReadOnlyList<JobRecord>> list = new JobStore(redis).ListAsync(Stop);
        var again = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int attempts = 0;
        Task<RedisValue> read = RedisRetry.RunAsync(
            () =>
            {
                if (++attempts == 3)
                {
                    again.SetResult();
                }

                return redis.GetDatabase().StringGetAsync("nothing");
            },
            Stop);
        Task[] all = [asked, list, read];
        // By then a call has failed twice.
        await again.Task.WaitAsync(Patience, Stop);
        Assert.All(all, call => Assert.False(call.IsCompleted));

        await Server.StartAsync();
        await Task.WhenAll(all).WaitAsync(Patience, Stop);
        // Its memory is gone.
        Assert.Null(await asked);
        Assert.Empty(await list);
        Assert.True((await read).IsNull);
    }

    [Fact]
    public async Task An_answer_that_was_lost_is_asked_for_again()
    {
        Server.Require();
        await using var relay = new Relay(Server.EndPoint);
        // Only the cut is to lose an answer, not a busy machine.
        await using ConnectionMultiplexer redis = await RedisServer.ConnectAsync(relay.EndPoint, Server.Password, asyncTimeout: 60_000);
        var wanted = new WantedWorkers(redis);

        Task lost = relay.LoseAnswers();
        Task ask = wanted.AskAsync(3, Stop);
        await lost.WaitAsync(Patience, Stop);
        relay.Cut();
        await ask.WaitAsync(Patience, Stop);

        // The first call took effect, and the second did no harm.
        Assert.Equal(3, await wanted.AskedAsync(Stop));
    }

    [Fact]
    public async Task A_call_that_is_cancelled_ends_at_once_and_one_cancelled_before_sends_nothing()
    {
        IConnectionMultiplexer redis = await Server.ConnectAsync();
        var wanted = new WantedWorkers(redis);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wanted.AskAsync(2, new CancellationToken(true)));
        Assert.Null(await wanted.AskedAsync(Stop));

        await Server.StopAsync();
        using var cancellation = new CancellationTokenSource();
        Task<int?> pending = wanted.AskedAsync(cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending.WaitAsync(Patience, Stop));
    }

    [Fact]
    public async Task An_error_of_the_script_is_not_repeated()
    {
        IConnectionMultiplexer redis = await Server.ConnectAsync();
        int calls = 0;
        await Assert.ThrowsAsync<RedisServerException>(() => RedisRetry.RunAsync(() =>
        {
            calls++;
            return redis.GetDatabase().ScriptEvaluateAsync("return redis.call('NOSUCH')");
        }, Stop));
        Assert.Equal(1, calls);
    }
}

public sealed class RedisRetryTests : RetryTests
{
    private protected override RedisServer Server { get; } = new DebianRedis();
}

public sealed class GarnetRetryTests : RetryTests
{
    private protected override RedisServer Server { get; } = new EmbeddedGarnet();
}

using Lockstep.Core.Protocol;
using Lockstep.Coordination.Tests.Servers;
using StackExchange.Redis;

namespace Lockstep.Coordination.Tests;

/// <summary>What calls do when the server or the way to it breaks. Each test has a server of its own.</summary>
public abstract class RetryTests : IAsyncLifetime
{
    private static readonly Cursor First = new(0, 0, 0);
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
        var leases = new RedisLeases(redis, "job");
        await leases.AdvanceAsync(First, 2, "a", Stop);
        var broken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        redis.ConnectionFailed += (_, _) => broken.TrySetResult();
        await Server.StopAsync();
        await broken.Task.WaitAsync(Patience, Stop);

        Task<Completion> complete = leases.CompleteAsync(First, 0, "a", true, Stop).AsTask();
        Task<Lease?> advance = leases.AdvanceAsync(First, 2, "b", Stop).AsTask();
        Task<LeaseCounts> count = leases.CountAsync(Stop).AsTask();
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
        Task[] all = [complete, advance, count, read];
        // By then a call has failed twice.
        await again.Task.WaitAsync(Patience, Stop);
        Assert.All(all, call => Assert.False(call.IsCompleted));

        await Server.StartAsync();
        await Task.WhenAll(all).WaitAsync(Patience, Stop);
        // Its memory is gone: slot 0 may be anybody's, and joins no group.
        Assert.False((await complete).MayJoinGroup);
        Assert.NotNull(await advance);
        Assert.True((await read).IsNull);
    }

    [Fact]
    public async Task An_answer_that_was_lost_is_asked_for_again()
    {
        Server.Require();
        await using var relay = new Relay(Server.EndPoint);
        // Only the cut is to lose an answer, not a busy machine.
        await using ConnectionMultiplexer redis = await RedisServer.ConnectAsync(relay.EndPoint, Server.Password, asyncTimeout: 60_000);
        var leases = new RedisLeases(redis, "job");
        await leases.AdvanceAsync(First, 4, "a", Stop);

        Task lost = relay.LoseAnswers();
        Task<Completion> complete = leases.CompleteAsync(First, 0, "a", true, Stop).AsTask();
        await lost.WaitAsync(Patience, Stop);
        relay.Cut();
        Completion completion = await complete.WaitAsync(Patience, Stop);

        // The first call took effect: slot 0 may not join twice, and slot 1 was leased with an answer that never came.
        Assert.Equal((false, false, 2), (completion.MayJoinGroup, completion.Stale, completion.Next?.Slot));
        Assert.Equal(3, (await leases.CountAsync(Stop)).Granted);
        Lease? found = await leases.TakeOverAsync(First, 4, [1, 3], "a", 2, Stop);
        Assert.Equal((1, true), (found?.Slot, found?.Contested));
    }

    [Fact]
    public async Task A_call_that_is_cancelled_ends_at_once_and_one_cancelled_before_sends_nothing()
    {
        IConnectionMultiplexer redis = await Server.ConnectAsync();
        var leases = new RedisLeases(redis, "job");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await leases.AdvanceAsync(First, 2, "a", new CancellationToken(true)));
        Assert.Equal(0, (await leases.CountAsync(Stop)).Granted);

        await Server.StopAsync();
        using var cancellation = new CancellationTokenSource();
        Task<Lease?> pending = leases.AdvanceAsync(First, 2, "a", cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending.WaitAsync(Patience, Stop));
    }

    [Fact]
    public async Task A_script_that_the_server_forgot_is_sent_again()
    {
        var redis = (ConnectionMultiplexer)await Server.ConnectAsync();
        var leases = new RedisLeases(redis, "job");
        await leases.AdvanceAsync(First, 2, "a", Stop);
        await redis.GetDatabase().ExecuteAsync("SCRIPT", "FLUSH");
        Assert.Equal(1, (await leases.AdvanceAsync(First, 2, "b", Stop))?.Slot);
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

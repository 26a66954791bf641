using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A shard that goes away and comes back at the same address costs time and nothing else.</summary>
public sealed class BrokenConnectionTests
{
    [Fact]
    public async Task Calls_wait_for_a_server_that_is_not_there_yet()
    {
        var log = new MemoryLogger();
        ShardServer first = await ShardServer.StartAsync(new FakeShardHost());
        int port = first.Address.Port;
        await using GrpcShardClient client = first.Client(log);
        await client.InHandAsync("job", "worker", TestContext.Current.CancellationToken);
        await first.DisposeAsync();

        Task<AbandonedSlots?> call = client.InHandAsync("job", "worker", TestContext.Current.CancellationToken);
        await log.First.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(call.IsCompleted);
        await using ShardServer second = await ShardServer.StartAsync(new FakeShardHost { Left = new AbandonedSlots(Samples.Cursor, 5, 1) }, port);

        Assert.Equal(5, (await call)!.Value.Slot);
        Assert.Contains($"Shard 0 at http://127.0.0.1:{port}/ does not answer", log.Messages[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_parked_call_goes_on_at_the_new_server()
    {
        var log = new MemoryLogger();
        var parked = new FakeShardHost { Gate = new TaskCompletionSource().Task };
        ShardServer first = await ShardServer.StartAsync(parked);
        await using GrpcShardClient client = first.Client(log);
        Task<double> call = client.ClipFactorAsync("job", Samples.Cursor, 3, [1], TestContext.Current.CancellationToken);
        await parked.Waiting.Task.WaitAsync(TestContext.Current.CancellationToken);

        int port = first.Address.Port;
        await first.DisposeAsync();
        await log.First.Task.WaitAsync(TestContext.Current.CancellationToken);
        var host = new FakeShardHost { Factor = 0.25 };
        await using ShardServer second = await ShardServer.StartAsync(host, port);

        Assert.Equal(0.25, await call);
        Assert.Equal(["clip", "job", Samples.Cursor, 3, new double[] { 1 }], host.Calls.Single());
    }

    [Fact]
    public async Task A_process_that_dies_is_noticed_and_so_is_the_one_in_its_place()
    {
        ShardServer first = await ShardServer.StartAsync(new FakeShardHost { Incarnation = "first" });
        int port = first.Address.Port;
        await using GrpcShardClient client = first.Client();
        await using IAsyncEnumerator<ShardPresence> presence = client.PresenceAsync(TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await presence.MoveNextAsync());
        Assert.Equal(new ShardPresence(true, "first"), presence.Current);

        await first.DisposeAsync();
        Assert.True(await presence.MoveNextAsync());
        Assert.Equal(new ShardPresence(false, "first"), presence.Current);

        await using ShardServer second = await ShardServer.StartAsync(new FakeShardHost { Incarnation = "second" }, port);
        Assert.True(await presence.MoveNextAsync());
        Assert.Equal(new ShardPresence(true, "second"), presence.Current);
    }

    [Fact]
    public async Task Watching_goes_on_after_the_last_report_that_came()
    {
        var log = new MemoryLogger();
        var host = new FakeShardHost();
        ShardServer first = await ShardServer.StartAsync(host);
        int port = first.Address.Port;
        await using GrpcShardClient client = first.Client(log);
        for (int step = 10; step < 13; step++)
        {
            host.Reports.Writer.TryWrite(Report(step));
        }

        var after = new FakeShardHost();
        after.Reports.Writer.TryWrite(Report(13));
        after.Reports.Writer.TryWrite(Report(14) with { Finished = true });
        after.Reports.Writer.Complete();
        ShardServer? second = null;
        List<long> steps = [];
        await foreach (StepReport report in client.WatchAsync("job", 10, TestContext.Current.CancellationToken))
        {
            steps.Add(report.Cursor.Step);
            if (steps.Count == 3)
            {
                await first.DisposeAsync();
                second = await ShardServer.StartAsync(after, port);
            }
        }

        Assert.Equal([10, 11, 12, 13, 14], steps);
        Assert.Equal(["watch", "job", 13L], after.Calls.Single());
        await second!.DisposeAsync();
    }

    [Fact]
    public async Task Cancelling_a_parked_call_reaches_the_server()
    {
        var host = new FakeShardHost { Gate = new TaskCompletionSource().Task };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task<double> call = client.ClipFactorAsync("job", Samples.Cursor, 0, [1], cancellation.Token);
        CancellationToken seen = await host.Waiting.Task.WaitAsync(TestContext.Current.CancellationToken);
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = seen.Register(told.SetResult);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await told.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_for_a_server_that_is_away()
    {
        ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        var log = new MemoryLogger();
        await using GrpcShardClient client = server.Client(log);
        await server.DisposeAsync();
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task call = client.CloseAsync("job", cancellation.Token);
        await log.First.Task.WaitAsync(TestContext.Current.CancellationToken);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    private static StepReport Report(long step) => new() { Cursor = new Cursor(0, step, 0) };
}

using System.Net;
using Lockstep.Coordination.Tests.Servers;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A shard that goes away and comes back at the same address costs time and nothing else.</summary>
public sealed class BrokenConnectionTests
{
    [Fact(Timeout = 240_000)]
    public async Task Calls_wait_for_a_server_that_is_not_there_yet()
    {
        var log = new MemoryLogger();
        ShardServer first = await ShardServer.StartAsync(new FakeShardHost());
        int port = first.Address.Port;
        await using GrpcShardClient client = first.Client(log);
        await client.MissingAsync("job", Samples.Cursor, TestContext.Current.CancellationToken);
        await first.DisposeAsync();

        Task<IReadOnlyList<int>> call = client.MissingAsync("job", Samples.Cursor, TestContext.Current.CancellationToken);
        await log.First.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(call.IsCompleted);
        await using ShardServer second = await ShardServer.StartAsync(new FakeShardHost { MissingSlots = [5] }, port);

        Assert.Equal([5], await call);
        Assert.Contains($"Shard 0 at http://127.0.0.1:{port}/ does not answer", log.Messages[0], StringComparison.Ordinal);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_parked_pull_goes_on_at_the_new_server()
    {
        var log = new MemoryLogger();
        var parked = new FakeShardHost { Gate = new TaskCompletionSource().Task };
        ShardServer first = await ShardServer.StartAsync(parked);
        await using GrpcShardClient client = first.Client(log);
        Task<ShardView> pull = client.PullAsync("job", Samples.Cursor, 3, default, TestContext.Current.CancellationToken);
        await parked.Waiting.Task.WaitAsync(TestContext.Current.CancellationToken);

        int port = first.Address.Port;
        await first.DisposeAsync();
        await log.First.Task.WaitAsync(TestContext.Current.CancellationToken);
        var host = new FakeShardHost { Version = new PulledVersion(Samples.Cursor with { Step = 9 }, false, new float[] { 1 }, new short[] { 2 }, () => { }) };
        await using ShardServer second = await ShardServer.StartAsync(host, port);

        Assert.Equal(Samples.Cursor with { Step = 9 }, (await pull).Cursor);
        Assert.Equal(["pull", "job", Samples.Cursor, 3L], host.Calls.Single());
    }

    [Fact(Timeout = 240_000)]
    public async Task A_parked_pull_leaves_a_server_that_goes_down_and_others_end_by_themselves()
    {
        var log = new MemoryLogger();
        var parked = new FakeShardHost { Gate = new TaskCompletionSource().Task };
        await using ShardServer first = await ShardServer.StartAsync(parked);
        using var leave = new CancellationTokenSource();
        await using var client = new GrpcShardClient(first.Address, 0, TimeProvider.System, log, leave: leave.Token);
        Task<ShardView> pull = client.PullAsync("job", Samples.Cursor, 3, default, TestContext.Current.CancellationToken);
        await parked.Waiting.Task.WaitAsync(TestContext.Current.CancellationToken);

        first.EndWaits();
        await log.First.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Contains("The parameter server is going down.", log.Messages[0], StringComparison.Ordinal);
        Assert.False(pull.IsCompleted);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_push_that_lost_its_connection_midway_is_sent_again_whole()
    {
        using var block = new ManualResetEventSlim();
        var hold = new Queue<Action<int>>([_ => block.Wait(TimeSpan.FromSeconds(30)), _ => { }]);
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { OnAdd = hold.Dequeue() } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        // A server that stops would wait for the call that is held here before it lets go of the connection.
        await using var relay = new Relay(new IPEndPoint(IPAddress.Loopback, server.Address.Port));
        var log = new MemoryLogger();
        await using var client = new GrpcShardClient(new Uri($"http://{relay.EndPoint}"), 0, TimeProvider.System, log);
        Contribution contribution = Samples.Contribution([.. Enumerable.Repeat(262_144, 40)]);
        Task<PushResult> push = client.PushAsync(contribution, TestContext.Current.CancellationToken);
        FakePushSession broken = await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken);
        await broken.Added.Task.WaitAsync(TestContext.Current.CancellationToken);

        relay.Cut();
        await log.First.Task.WaitAsync(TestContext.Current.CancellationToken);
        block.Set();

        Assert.Equal(PushStatus.Accepted, (await push).Status);
        await broken.Disposed.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(broken.Completed);
        FakePushSession whole = await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken);
        Assert.True(whole.Completed);
        Assert.Equal(contribution.Chunks.Select(c => c.Chunk), whole.Chunks.Select(c => c.Chunk));
    }

    [Fact(Timeout = 240_000)]
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

    [Fact(Timeout = 240_000)]
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

    [Fact(Timeout = 240_000)]
    public async Task Cancelling_a_parked_call_reaches_the_server()
    {
        var host = new FakeShardHost { Gate = new TaskCompletionSource().Task };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task<ShardView> pull = client.PullAsync("job", null, -1, default, cancellation.Token);
        CancellationToken seen = await host.Waiting.Task.WaitAsync(TestContext.Current.CancellationToken);
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = seen.Register(told.SetResult);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
        await told.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact(Timeout = 240_000)]
    public async Task Cancelling_a_push_midway_ends_it()
    {
        using var block = new ManualResetEventSlim();
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { OnAdd = _ => block.Wait(TimeSpan.FromSeconds(30)) } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task<PushResult> push = client.PushAsync(Samples.Contribution([.. Enumerable.Repeat(262_144, 40)]), cancellation.Token);
        FakePushSession session = await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken);
        await session.Added.Task.WaitAsync(TestContext.Current.CancellationToken);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => push);
        block.Set();
        await session.Disposed.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(session.Completed);
    }

    [Fact(Timeout = 240_000)]
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

using System.Net;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A stream whose connection breaks ends on both sides, and another one takes its place.</summary>
public sealed class BrokenStreamTests
{
    [Fact]
    public async Task It_is_opened_again_at_the_new_server()
    {
        var log = new MemoryLogger();
        var host = new FakeShardHost();
        ShardServer first = await ShardServer.StartAsync(host);
        int port = first.Address.Port;
        await using GrpcShardClient client = first.Client(log);
        await using var worker = new TestWorker();
        await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        FakeStepSession session = await host.NextSessionAsync();

        await first.DisposeAsync();

        await worker.Working;
        await worker.NextAsync<TestWorker.EndedEvent>();
        await session.EndAsync();
        Assert.Contains($"Shard 0 at http://127.0.0.1:{port}/ does not answer", log.Messages[0], StringComparison.Ordinal);
        await using ShardServer second = await ShardServer.StartAsync(new FakeShardHost { OnAttach = s => s.Sink.Send(Samples.Turn(step: 9)) }, port);
        Assert.Equal(9, (await OfferedAgainAsync(worker, client)).Cursor.Step);
        Assert.Contains("answers again", log.Messages[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_tried_again_while_the_server_is_away()
    {
        ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        await server.DisposeAsync();

        await worker.Start(client).Working;
        await worker.Start(client).Working;
    }

    [Fact]
    public async Task A_server_that_goes_down_ends_its_streams()
    {
        var log = new MemoryLogger();
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client(log);
        await using var worker = new TestWorker();
        await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();

        server.EndWaits();

        await worker.Working;
        await worker.NextAsync<TestWorker.EndedEvent>();
        await (await host.NextSessionAsync()).EndAsync();
        Assert.Contains("Unavailable: The parameter server is going down.", log.Messages[0], StringComparison.Ordinal);
        Assert.Empty(server.Errors);
    }

    [Fact]
    public async Task A_worker_that_is_going_does_not_wait_for_a_server_that_is_away()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        using var leave = new CancellationTokenSource();
        await using var client = new GrpcShardClient(server.Address, 0, TimeProvider.System, leave: leave.Token);
        await using var worker = new TestWorker();
        await worker.OpenAsync(client);
        await leave.CancelAsync();
        Assert.False(worker.Working.IsCompleted);

        server.EndWaits();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => worker.Working);
    }

    [Fact]
    public async Task A_contribution_that_lost_its_connection_midway_is_not_in_and_is_sent_again_whole()
    {
        using var block = new ManualResetEventSlim();
        var hold = new Queue<Action<int>>([_ => block.Wait(TimeSpan.FromSeconds(60)), _ => { }]);
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { OnAdd = hold.Dequeue() } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        // A server that stops would wait for the call that is held here before it lets go of the connection.
        await using var relay = new Relay(new IPEndPoint(IPAddress.Loopback, server.Address.Port));
        await using var client = new GrpcShardClient(new Uri($"http://{relay.EndPoint}"), 0, TimeProvider.System);
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        Contribution contribution = Samples.Contribution([.. Enumerable.Repeat(262_144, 40)]);
        stream.Send(1, contribution);
        FakeStepSession session = await host.NextSessionAsync();
        FakePushSession broken = await session.NextPushAsync();
        await broken.AddedAsync();

        relay.Cut();
        await worker.Working;
        await worker.NextAsync<TestWorker.EndedEvent>();
        block.Set();

        await broken.EndAsync();
        await session.EndAsync();
        Assert.False(broken.Completed);
        await OfferedAgainAsync(worker, client, again => again.Send(2, contribution));
        Assert.Equal(2, (await worker.NextAsync<AnswerMessage>()).Push);
        FakePushSession whole = await (await host.NextSessionAsync()).NextPushAsync();
        Assert.True(whole.Completed);
        Assert.Equal(contribution.Chunks.Select(c => c.Chunk), whole.Chunks.Select(c => c.Chunk));
    }

    [Fact]
    public async Task Cancelling_it_midway_of_a_contribution_ends_that()
    {
        using var block = new ManualResetEventSlim();
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { OnAdd = _ => block.Wait(TimeSpan.FromSeconds(60)) } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        (await worker.OpenAsync(client)).Send(1, Samples.Contribution([.. Enumerable.Repeat(262_144, 40)]));
        FakeStepSession session = await host.NextSessionAsync();
        FakePushSession push = await session.NextPushAsync();
        await push.AddedAsync();

        await worker.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => worker.Working);
        block.Set();
        await push.EndAsync();
        await session.EndAsync();
        Assert.False(push.Completed);
    }

    /// <summary>Opens a stream, as often as it takes.</summary>
    private static async Task<OfferedVersion> OfferedAgainAsync(TestWorker worker, GrpcShardClient client, Action<IStepStream>? opened = null)
    {
        Task<TestWorker.OpenedEvent> open = worker.NextAsync<TestWorker.OpenedEvent>();
        while (!open.IsCompleted)
        {
            await Task.WhenAny(open, worker.Start(client).Working);
        }

        opened?.Invoke((await open).Stream);
        return await worker.NextAsync<OfferedVersion>();
    }
}

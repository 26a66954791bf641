using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A stream that ends tells both sides, and the worker why.</summary>
public abstract class StreamEndTests(StreamTransport transport)
{
    private static readonly ProtocolException Failure = new(ProtocolError.Superseded, "Größe 7 ≠ 8: 100%.");

    [Fact]
    public async Task A_stream_that_the_shard_refuses_was_never_open()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost { Failure = Failure }, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();

        AssertFailure(await Assert.ThrowsAsync<ProtocolException>(() => worker.Start(client).Working));
    }

    [Fact]
    public async Task A_shard_that_ends_a_stream_says_why_after_all_that_it_said_before()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        FakeStepSession session = await host.NextSessionAsync();

        session.Sink.Send(Samples.Turn(new float[1_000_000], step: 9));
        session.Sink.End(Failure);

        Assert.Equal(9, (await worker.NextAsync<OfferedVersion>()).Cursor.Step);
        AssertFailure(await Assert.ThrowsAsync<ProtocolException>(() => worker.Working));
        await worker.NextAsync<TestWorker.EndedEvent>();
        await session.EndAsync();
    }

    [Fact]
    public async Task A_word_that_does_not_fit_ends_the_stream()
    {
        var host = new FakeShardHost { OnReceive = _ => throw Failure };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);

        stream.Send(new LeavingMessage());

        AssertFailure(await Assert.ThrowsAsync<ProtocolException>(() => worker.Working));
        await (await host.NextSessionAsync()).EndAsync();
    }

    [Fact]
    public async Task A_contribution_that_does_not_fit_ends_the_stream()
    {
        var host = new FakeShardHost { OnPush = _ => throw Failure };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);

        stream.Send(1, Samples.Contribution([.. Enumerable.Repeat(262_144, 40)]));

        AssertFailure(await Assert.ThrowsAsync<ProtocolException>(() => worker.Working));
        await (await host.NextSessionAsync()).EndAsync();
    }

    [Fact]
    public async Task A_contribution_that_is_refused_while_it_is_still_sent_tells_why()
    {
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { OnAdd = count => _ = count == 2 ? throw Failure : 0 } };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);

        stream.Send(1, Samples.Contribution([.. Enumerable.Repeat(262_144, 40)]));

        AssertFailure(await Assert.ThrowsAsync<ProtocolException>(() => worker.Working));
        FakePushSession push = await (await host.NextSessionAsync()).NextPushAsync();
        await push.EndAsync();
        Assert.False(push.Completed);
    }

    [Fact]
    public async Task A_stream_that_fails_while_a_turn_is_sent_tells_why()
    {
        using var reads = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var host = new FakeShardHost
        {
            OnAttach = session => session.Sink.Send(Samples.Turn(new float[16 << 20])),
            OnReceive = _ => throw Failure,
        };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker
        {
            OnStage = _ =>
            {
                begun.TrySetResult();
                reads.Wait(TimeSpan.FromSeconds(60));
            },
            Room = new float[16 << 20],
        };
        IStepStream stream = await worker.OpenAsync(client);
        await begun.Task.WaitAsync(TestContext.Current.CancellationToken);

        stream.Send(new LeavingMessage());
        await (await host.NextSessionAsync()).EndAsync();
        reads.Set();

        AssertFailure(await Assert.ThrowsAsync<ProtocolException>(() => worker.Working));
    }

    [Fact]
    public async Task A_worker_that_goes_ends_the_session()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        FakeStepSession session = await host.NextSessionAsync();
        Assert.False(session.Disposed.Task.IsCompleted);

        await worker.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => worker.Working);
        await worker.NextAsync<TestWorker.EndedEvent>();
        await session.EndAsync();
    }

    [Fact]
    public async Task What_is_sent_on_a_stream_that_ended_is_lost_without_an_error()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => worker.Working);

        stream.Send(new LeavingMessage());
        stream.Send(1, Samples.Contribution(1));
    }

    [Fact]
    public async Task A_worker_that_cannot_take_what_came_ends_the_session()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker { OnOpened = _ => throw new InvalidTimeZoneException("mine") };

        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => worker.Start(client).Working);

        await (await host.NextSessionAsync()).EndAsync();
    }

    private static void AssertFailure(ProtocolException exception) => Assert.Equal((Failure.Error, Failure.Message), (exception.Error, exception.Message));
}

public sealed class GrpcStreamEndTests() : StreamEndTests(StreamTransport.Grpc);

public sealed class SharedStreamEndTests() : StreamEndTests(StreamTransport.Shared);

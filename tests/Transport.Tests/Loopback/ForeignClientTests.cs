using System.Buffers;
using Google.Protobuf;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>The .proto is the whole contract: classes generated from it are enough to take part.</summary>
public sealed class ForeignClientTests
{
    private static readonly Protos.Cursor Cursor = new() { Generation = 1, Step = 2, Attempt = -1 };
    private static readonly WorkerFrame Hello = new() { Header = new WorkerHeader { Hello = new Hello { JobId = "job", WorkerId = "w", Held = { Cursor } } } };

    [Fact]
    public async Task Contributes_with_a_chunk_in_the_first_message()
    {
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { Result = new PushResult(PushStatus.Duplicate, new Core.Protocol.Cursor(1, 3, 0), [2], []) } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncDuplexStreamingCall<WorkerFrame, ShardFrame> call = client.Work();
        await call.RequestStream.WriteAsync(Hello, TestContext.Current.CancellationToken);
        Assert.NotNull((await NextAsync(call)).Header.Turn);
        await call.RequestStream.WriteAsync(new WorkerFrame { Header = new WorkerHeader { Contribution = new ContributionHeader { Push = 7, Cursor = Cursor, Chunks = 2 } }, ChunkPlusOne = 1, Sums = { 1, -2 }, Exponents = ByteString.CopyFrom(5) }, TestContext.Current.CancellationToken);
        await call.RequestStream.WriteAsync(new WorkerFrame { ChunkPlusOne = 5, Sums = { 3 }, Escapes = { 7, 8 }, Exponents = ByteString.CopyFrom(1, 2) }, TestContext.Current.CancellationToken);

        ShardFrame reply = await NextAsync(call);

        Assert.Equal(new Answer { Push = 7, Status = 2, ShardCursor = new Protos.Cursor { Generation = 1, Step = 3 }, Missing = { 2 } }, reply.Header.Answer);
        FakeStepSession session = await host.NextSessionAsync();
        Assert.Equal([new Core.Protocol.Cursor(1, 2, -1)], session.Hello.Held);
        FakePushSession push = await session.NextPushAsync();
        Assert.Equal(("job", "w", new Core.Protocol.Cursor(1, 2, -1)), (push.Header.JobId, push.Header.WorkerId, push.Header.Cursor));
        Assert.Equal([0, 4], push.Chunks.Select(c => c.Chunk));
        Assert.Equal([1, -2, 3], push.Chunks.SelectMany(c => c.Sums.ToArray()));
        Assert.Equal([7, 8], push.Chunks[1].Escapes.ToArray());
        Assert.Equal([5, 1, 2], push.Chunks.SelectMany(c => c.Exponents.ToArray()));
    }

    [Fact]
    public async Task Receives_a_turn_in_pieces_of_a_megabyte()
    {
        float[] values = [.. Enumerable.Range(0, 300_000).Select(i => i * 0.5f)];
        var version = new PulledVersion(new Core.Protocol.Cursor(1, 2, 0), true, values, new short[] { -3 }, () => { });
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(new TurnMessage(version)) };
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncDuplexStreamingCall<WorkerFrame, ShardFrame> call = client.Work();
        await call.RequestStream.WriteAsync(Hello, TestContext.Current.CancellationToken);

        ShardFrame[] frames = [await NextAsync(call), await NextAsync(call)];

        Assert.Equal(new Turn { Cursor = new Protos.Cursor { Generation = 1, Step = 2 }, Finished = true, HasValues = true, Elements = 300_000, AgeMs = -1, Contribution = 32 }, frames[0].Header.Turn);
        Assert.Equal([[0xFD, 0xFF], []], frames.Select(m => m.Hints.ToByteArray()));
        Assert.Equal([262_144, 37_856], frames.Select(m => m.Values.Count));
        Assert.Null(frames[1].Header);
        Assert.Equal(values, frames.SelectMany(m => m.Values));
    }

    [Fact]
    public async Task Initializes_in_pieces_of_its_own()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncClientStreamingCall<InitializeMessage, InitializeReply> call = client.Initialize();
        await call.RequestStream.WriteAsync(new InitializeMessage { Header = new InitializeHeader { JobId = "job" } }, TestContext.Current.CancellationToken);
        await call.RequestStream.WriteAsync(new InitializeMessage { Values = { 1, 2, 3 } }, TestContext.Current.CancellationToken);
        await call.RequestStream.WriteAsync(new InitializeMessage { Values = { 4 } }, TestContext.Current.CancellationToken);
        await call.RequestStream.CompleteAsync();
        await call.ResponseAsync;

        Assert.Equal(["initialize", "job", new float[] { 1, 2, 3, 4 }], host.Calls.Single());
    }

    [Fact]
    public async Task A_reader_that_goes_away_gives_the_version_back()
    {
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var host = new FakeShardHost { OnAttach = session => session.Sink.Send(Samples.Turn(new float[16 << 20], release: released.SetResult)) };
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using (AsyncDuplexStreamingCall<WorkerFrame, ShardFrame> call = client.Work())
        {
            await call.RequestStream.WriteAsync(Hello, TestContext.Current.CancellationToken);
            await NextAsync(call);
            Assert.False(released.Task.IsCompleted);
        }

        await released.Task.WaitAsync(TestContext.Current.CancellationToken);
        await (await host.NextSessionAsync()).EndAsync();
    }

    [Fact]
    public async Task A_contribution_that_breaks_off_is_let_go_of_and_not_completed()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        FakeStepSession session;
        FakePushSession push;
        using (AsyncDuplexStreamingCall<WorkerFrame, ShardFrame> call = client.Work())
        {
            await call.RequestStream.WriteAsync(Hello, TestContext.Current.CancellationToken);
            await call.RequestStream.WriteAsync(new WorkerFrame { Header = new WorkerHeader { Contribution = new ContributionHeader { Cursor = Cursor, Chunks = 2 } }, ChunkPlusOne = 1, Exponents = ByteString.CopyFrom(1) }, TestContext.Current.CancellationToken);
            session = await host.NextSessionAsync();
            push = await session.NextPushAsync();
            await push.AddedAsync();
            Assert.False(push.Disposed.Task.IsCompleted);
        }

        await push.EndAsync();
        await session.EndAsync();
        Assert.False(push.Completed);
        Assert.Single(push.Chunks);
    }

    [Fact]
    public async Task A_worker_that_has_said_all_ends_the_stream()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncDuplexStreamingCall<WorkerFrame, ShardFrame> call = client.Work();
        await call.RequestStream.WriteAsync(Hello, TestContext.Current.CancellationToken);
        await NextAsync(call);
        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        await (await host.NextSessionAsync()).EndAsync();
    }

    private static async Task<ShardFrame> NextAsync(AsyncDuplexStreamingCall<WorkerFrame, ShardFrame> call)
    {
        Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        return call.ResponseStream.Current;
    }
}

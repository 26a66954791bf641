using System.Buffers;
using Google.Protobuf;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Protos;
using PushReply = Lockstep.Transport.Protos.PushReply;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>The .proto is the whole contract: classes generated from it are enough to take part.</summary>
public sealed class ForeignClientTests
{
    private static readonly Protos.Cursor Cursor = new() { Generation = 1, Step = 2, Attempt = -1 };

    [Fact(Timeout = 240_000)]
    public async Task Pushes_with_a_chunk_in_the_first_message()
    {
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { Result = new PushResult(PushStatus.Duplicate, new Core.Protocol.Cursor(1, 3, 0), [2], []) } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncClientStreamingCall<PushMessage, PushReply> call = client.Push();
        await call.RequestStream.WriteAsync(new PushMessage { Header = new PushHeader { JobId = "job", Cursor = Cursor, WorkerId = "w" }, ChunkPlusOne = 1, Sums = { 1, -2 }, Exponents = ByteString.CopyFrom(5) }, TestContext.Current.CancellationToken);
        await call.RequestStream.WriteAsync(new PushMessage { ChunkPlusOne = 5, Sums = { 3 }, Escapes = { 7, 8 }, Exponents = ByteString.CopyFrom(1, 2) }, TestContext.Current.CancellationToken);
        await call.RequestStream.CompleteAsync();

        PushReply reply = await call.ResponseAsync;

        Assert.Equal(new PushReply { Status = 2, ShardCursor = new Protos.Cursor { Generation = 1, Step = 3 }, Missing = { 2 } }, reply);
        FakePushSession session = await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken);
        Assert.Equal(new Core.Protocol.Cursor(1, 2, -1), session.Header.Cursor);
        Assert.Equal([0, 4], session.Chunks.Select(c => c.Chunk));
        Assert.Equal([1, -2, 3], session.Chunks.SelectMany(c => c.Sums.ToArray()));
        Assert.Equal([5, 1, 2], session.Chunks.SelectMany(c => c.Exponents.ToArray()));
        Assert.Equal([7, 8], session.Chunks.SelectMany(c => c.Escapes.ToArray()));
    }

    [Fact(Timeout = 240_000)]
    public async Task Pulls_in_pieces_of_a_megabyte()
    {
        float[] values = [.. Enumerable.Range(0, 300_000).Select(i => i * 0.5f)];
        var host = new FakeShardHost { Version = new PulledVersion(new Core.Protocol.Cursor(1, 2, 0), true, values, new short[] { -3 }, () => { }) };
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncServerStreamingCall<PullMessage> call = client.Pull(new PullRequest { JobId = "job", After = Cursor, HeldStep = -1 }, TestContext.Current.CancellationToken);

        List<PullMessage> messages = [];
        await foreach (PullMessage message in call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            messages.Add(message);
        }

        Assert.Equal(new PullHeader { Cursor = new Protos.Cursor { Generation = 1, Step = 2 }, Finished = true, HasValues = true, Elements = 300_000, Hints = { -3 }, AgeMs = -1 }, messages[0].Header);
        Assert.Equal([262_144, 37_856], messages.Select(m => m.Values.Count));
        Assert.Null(messages[1].Header);
        Assert.Equal(values, messages.SelectMany(m => m.Values));
    }

    [Fact(Timeout = 240_000)]
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

    [Fact(Timeout = 240_000)]
    public async Task A_reader_that_goes_away_gives_the_version_back()
    {
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var host = new FakeShardHost { Version = new PulledVersion(new Core.Protocol.Cursor(1, 2, 0), false, new float[16 << 20], Array.Empty<short>(), released.SetResult) };
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using (AsyncServerStreamingCall<PullMessage> call = client.Pull(new PullRequest { JobId = "job", HeldStep = -1 }, TestContext.Current.CancellationToken))
        {
            Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
            Assert.False(released.Task.IsCompleted);
        }

        await released.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_push_that_breaks_off_is_let_go_of_and_not_completed()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        FakePushSession session;
        using (AsyncClientStreamingCall<PushMessage, PushReply> call = client.Push())
        {
            await call.RequestStream.WriteAsync(new PushMessage { Header = new PushHeader { JobId = "job", Cursor = Cursor }, ChunkPlusOne = 1, Exponents = ByteString.CopyFrom(1) }, TestContext.Current.CancellationToken);
            session = await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken);
            await session.Added.Task.WaitAsync(TestContext.Current.CancellationToken);
            Assert.False(session.Disposed.Task.IsCompleted);
        }

        await session.Disposed.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(session.Completed);
        Assert.Single(session.Chunks);
    }
}

using Google.Protobuf;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>What goes wrong on the server is told to the caller as it was, at once, and in whatever kind of call.</summary>
public sealed class ErrorTests
{
    [Theory(Timeout = 240_000)]
    [InlineData(ProtocolError.UnknownJob, StatusCode.NotFound)]
    [InlineData(ProtocolError.Conflict, StatusCode.FailedPrecondition)]
    [InlineData(ProtocolError.Invalid, StatusCode.InvalidArgument)]
    [InlineData(ProtocolError.TooLarge, StatusCode.ResourceExhausted)]
    [InlineData(ProtocolError.Checkpoint, StatusCode.DataLoss)]
    [InlineData(ProtocolError.NotFinite, StatusCode.Aborted)]
    [InlineData(ProtocolError.Superseded, StatusCode.Aborted)]
    [InlineData(ProtocolError.NeedsValues, StatusCode.Aborted)]
    public async Task A_protocol_error_comes_out_as_it_went_in(ProtocolError error, StatusCode status)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        const string Message = "Größe 7 ≠ 8:\nuse \"more\" shards, 100%.";
        var failure = new ProtocolException(error, Message);
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost { Failure = failure });
        await using GrpcShardClient client = server.Client();
        Func<Task>[] calls =
        [
            () => client.OpenAsync(Samples.Job(), cancellation),
            () => client.InitializeAsync("job", new float[1_000_000], cancellation),
            () => client.DescribeAsync("job", cancellation),
            () => client.PullAsync("job", null, -1, default, cancellation),
            () => client.PullAtAsync("job", Samples.Cursor, -1, cancellation),
            () => client.PushAsync(Samples.Contribution(1, 2), cancellation),
            () => client.MissingAsync("job", Samples.Cursor, cancellation),
            () => client.WatchAsync("job", 0, cancellation).GetAsyncEnumerator(cancellation).MoveNextAsync().AsTask(),
            () => client.CloseAsync("job", cancellation),
            () => client.ClipFactorAsync("job", Samples.Cursor, 0, [1], cancellation),
            () => client.RestoreAsync(Samples.Job(), 1, 1, null, cancellation),
            () => client.StatusAsync("job", cancellation),
            () => client.CheckpointsAsync(Samples.Job(), cancellation),
        ];

        foreach (Func<Task> call in calls)
        {
            var exception = await Assert.ThrowsAsync<ProtocolException>(call);
            Assert.Equal((error, Message), (exception.Error, exception.Message));
        }

        Assert.Equal(status, ProtocolErrors.ToRpc(failure).StatusCode);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_message_that_no_trailer_can_hold_is_shortened()
    {
        var failure = new ProtocolException(ProtocolError.NotFinite, "slots " + string.Join('→', Enumerable.Range(0, 65_536)));
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost { Failure = failure });
        await using GrpcShardClient client = server.Client();

        var exception = await Assert.ThrowsAsync<ProtocolException>(() => client.MissingAsync("job", Samples.Cursor, TestContext.Current.CancellationToken));

        Assert.Equal(ProtocolError.NotFinite, exception.Error);
        Assert.StartsWith("slots 0→1→2", exception.Message, StringComparison.Ordinal);
        Assert.EndsWith(" …", exception.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_push_that_is_refused_while_it_is_still_sent_tells_why()
    {
        var failure = new ProtocolException(ProtocolError.Invalid, "chunk 3 comes twice");
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { OnAdd = count => _ = count == 2 ? throw failure : 0 } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();

        var exception = await Assert.ThrowsAsync<ProtocolException>(() => client.PushAsync(Samples.Contribution([.. Enumerable.Repeat(262_144, 40)]), TestContext.Current.CancellationToken));

        Assert.Equal((failure.Error, failure.Message), (exception.Error, exception.Message));
        FakePushSession session = await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken);
        await session.Disposed.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(session.Completed);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_server_that_always_fails_does_not_hold_the_caller_for_ever()
    {
        var host = new FakeShardHost { Failure = new InvalidCastException("a fault in the server") };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using var client = new GrpcShardClient(server.Address, 1, new ImmediateTime());

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => client.MissingAsync("job", Samples.Cursor, TestContext.Current.CancellationToken));

        Assert.Contains("Shard 1 at http://127.0.0.1", exception.Message, StringComparison.Ordinal);
        Assert.Equal(8, host.Calls.Count);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_message_beyond_the_limit_fails_at_once()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        await using GrpcShardClient client = server.Client();
        Contribution contribution = Samples.Contribution() with { WorkerId = new string('w', 65 << 20) };

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => client.PushAsync(contribution, TestContext.Current.CancellationToken));

        Assert.Contains("ResourceExhausted", exception.Message, StringComparison.Ordinal);
    }

    [Theory(Timeout = 240_000)]
    [InlineData("", "no message")]
    [InlineData("10 01", "no header")]
    [InlineData("0A 02 0A 05", "header cannot be read")]
    [InlineData("0A 03 0A 01 61", "no cursor")]
    [InlineData("1A 03 00 00 00", "no whole number of 32-bit values")]
    [InlineData("0A", "ends within a number")]
    public async Task Bytes_that_are_no_push_are_refused(string hex, string why)
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        using ForeignClient client = server.Foreign();
        using AsyncClientStreamingCall<byte[], PushReply> call = client.PushBytes();
        if (hex.Length > 0)
        {
            await call.RequestStream.WriteAsync(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), TestContext.Current.CancellationToken);
        }

        await call.RequestStream.CompleteAsync();

        var exception = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);
        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Contains(why, exception.Status.Detail, StringComparison.Ordinal);
        Assert.Empty(host.Calls);
    }

    [Fact(Timeout = 240_000)]
    public async Task Cursors_and_hashes_that_cannot_be_are_refused()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        using ForeignClient client = server.Foreign();
        var cursor = new Protos.Cursor { Step = 1 };
        using AsyncClientStreamingCall<PushMessage, PushReply> push = client.Push();
        await push.RequestStream.WriteAsync(new PushMessage { Header = new PushHeader { JobId = "job", Cursor = new Protos.Cursor { Step = 1, Attempt = 1 } } }, TestContext.Current.CancellationToken);
        await push.RequestStream.CompleteAsync();
        var attempt = await Assert.ThrowsAsync<RpcException>(() => push.ResponseAsync);
        Assert.Contains("its cursor has the attempt 1", attempt.Status.Detail, StringComparison.Ordinal);

        using AsyncUnaryCall<AnnounceReply> announce = client.Announce(new AnnounceRequest { JobId = "job", Cursor = cursor, BlockHashes = ByteString.CopyFrom(new byte[17]) });
        var hashes = await Assert.ThrowsAsync<RpcException>(() => announce.ResponseAsync);
        Assert.Contains("17 bytes", hashes.Status.Detail, StringComparison.Ordinal);
    }
}

using Grpc.Core;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>What goes wrong on the server is told to the caller as it was, at once, and in whatever kind of call.</summary>
public sealed class ErrorTests
{
    [Theory]
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
            () => client.WorkAsync("job", "worker", new TestWorker(), cancellation),
            () => client.InHandAsync("job", "worker", cancellation),
            () => client.WatchAsync("job", 0, cancellation).GetAsyncEnumerator(cancellation).MoveNextAsync().AsTask(),
            () => client.CloseAsync("job", cancellation),
            () => client.ClipFactorAsync("job", Samples.Cursor, 0, [1], cancellation),
            () => client.AnnounceAsync("job", new ShardAnnouncement(Samples.Cursor, 0, [], 0, 0, 0), cancellation),
            () => client.ProgressAsync("job", new ShardProgress(0, Samples.Cursor, []), cancellation),
            () => client.CheckpointPartAsync("job", new CheckpointNotice(0, 1, 0, "ab", null, 1), cancellation),
            () => client.CheckpointAsync("job", cancellation),
            () => client.KeepAsync("job", 1, cancellation),
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

    [Fact]
    public async Task A_message_that_no_trailer_can_hold_is_shortened()
    {
        var failure = new ProtocolException(ProtocolError.NotFinite, "slots " + string.Join('→', Enumerable.Range(0, 65_536)));
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost { Failure = failure });
        await using GrpcShardClient client = server.Client();

        var exception = await Assert.ThrowsAsync<ProtocolException>(() => client.InHandAsync("job", "worker", TestContext.Current.CancellationToken));

        Assert.Equal(ProtocolError.NotFinite, exception.Error);
        Assert.StartsWith("slots 0→1→2", exception.Message, StringComparison.Ordinal);
        Assert.EndsWith(" …", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_always_fails_does_not_hold_the_caller_for_ever()
    {
        var host = new FakeShardHost { Failure = new InvalidCastException("a fault in the server") };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using var client = new GrpcShardClient(server.Address, 1, new ImmediateTime());

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => client.InHandAsync("job", "worker", TestContext.Current.CancellationToken));

        Assert.Contains("Shard 1 at http://127.0.0.1", exception.Message, StringComparison.Ordinal);
        Assert.Equal(8, host.Calls.Count);
    }

    [Fact]
    public async Task A_server_that_fails_every_stream_does_not_hold_the_worker_for_ever()
    {
        var host = new FakeShardHost { Failure = new InvalidCastException("a fault in the server") };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using var client = new GrpcShardClient(server.Address, 1, new ImmediateTime());
        await using var worker = new TestWorker();
        for (int i = 0; i < 7; i++)
        {
            await worker.Start(client).Working;
        }

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => worker.Start(client).Working);

        Assert.Contains("Shard 1 at http://127.0.0.1", exception.Message, StringComparison.Ordinal);
        Assert.Equal(8, host.Calls.Count);
    }

    [Fact]
    public async Task A_shard_that_fails_in_every_stream_is_given_up()
    {
        int streams = 0;
        var host = new FakeShardHost
        {
            OnAttach = session =>
            {
                streams++;
                session.Sink.Send(Samples.Turn());
                session.Sink.End(new InvalidTimeZoneException("mine"));
            },
        };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using var client = new GrpcShardClient(server.Address, 0, new ImmediateTime());
        await using var worker = new TestWorker();

        InvalidOperationException failure = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            while (true)
            {
                await worker.Start(client).Working;
            }
        });

        Assert.Equal(8, streams);
        Assert.Contains("answers and then fails, 8 times without progress, at last with Unknown", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shard_that_fails_after_each_new_version_is_not_given_up()
    {
        long streams = 0;
        var host = new FakeShardHost
        {
            OnAttach = session =>
            {
                session.Sink.Send(Samples.Turn(step: ++streams));
                session.Sink.End(new InvalidTimeZoneException("mine"));
            },
        };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using var client = new GrpcShardClient(server.Address, 0, new ImmediateTime());
        await using var worker = new TestWorker();

        while (streams < 20)
        {
            await worker.Start(client).Working;
        }
    }

    [Fact]
    public async Task A_message_beyond_the_limit_fails_at_once()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        await using GrpcShardClient client = server.Client();

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => client.InHandAsync("job", new string('w', 65 << 20), TestContext.Current.CancellationToken));

        Assert.Contains("ResourceExhausted", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_beyond_the_limit_ends_its_stream_at_once()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);

        stream.Send(new EvaluationMessage(Samples.Cursor, 0, new EvaluationPart(1, 1, [], new float[17 << 20], []), 1));

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => worker.Working);
        Assert.Contains("ResourceExhausted", exception.Message, StringComparison.Ordinal);
    }
}

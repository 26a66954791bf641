using System.Runtime.InteropServices;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>The small messages of a stream arrive as they were sent, in their order.</summary>
public abstract class WordsTests(StreamTransport transport)
{
    [Fact]
    public async Task Of_a_worker()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        Cursor evaluation = Samples.Cursor with { Attempt = Cursor.Evaluation };
        WorkerMessage[] small = [new IdleMessage(Samples.Cursor, long.MaxValue), new ProgressMessage(Samples.Cursor, 65_535), new ProgressMessage(evaluation, 0), new LeavingMessage()];
        var part = new EvaluationPart(1L << 40, double.PositiveInfinity, [0.1, 2], [0.5f, float.NaN], [0, 1]);

        foreach (WorkerMessage message in small)
        {
            stream.Send(message);
        }

        stream.Send(new EvaluationMessage(evaluation, 2, part, 4.5));

        FakeStepSession session = await host.NextSessionAsync();
        foreach (WorkerMessage message in small)
        {
            Assert.Equal(message, await session.NextAsync<WorkerMessage>());
        }

        EvaluationMessage received = await session.NextAsync<EvaluationMessage>();
        Assert.Equal((evaluation, 2, 4.5, part.Samples, part.LossSum), (received.Cursor, received.Slot, received.SlotMs, received.Part.Samples, received.Part.LossSum));
        Assert.Equal(part.Parts, received.Part.Parts);
        Assert.True(MemoryMarshal.AsBytes(part.Scores.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(received.Part.Scores.AsSpan())));
        Assert.Equal(part.Labels, received.Part.Labels);
    }

    [Fact]
    public async Task Of_a_shard()
    {
        int[] many = [.. Enumerable.Range(0, 65_536)];
        var host = new FakeShardHost
        {
            OnAttach = session =>
            {
                session.Sink.Send(new GrantMessage(Samples.Cursor, many, long.MaxValue));
                session.Sink.Send(new GrantMessage(Samples.Cursor with { Attempt = Cursor.Evaluation }, [], 1));
                session.Sink.Send(new RevokeMessage(Samples.Cursor, [0, 3]));
                session.Sink.Send(new OverMessage());
            },
        };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();

        await worker.OpenAsync(client);

        GrantMessage step = await worker.NextAsync<GrantMessage>();
        Assert.Equal((Samples.Cursor, long.MaxValue), (step.Cursor, step.Number));
        Assert.Equal(many, step.Slots);
        GrantMessage evaluation = await worker.NextAsync<GrantMessage>();
        Assert.Equal((Samples.Cursor with { Attempt = Cursor.Evaluation }, 1L), (evaluation.Cursor, evaluation.Number));
        Assert.Empty(evaluation.Slots);
        RevokeMessage revoke = await worker.NextAsync<RevokeMessage>();
        Assert.Equal(Samples.Cursor, revoke.Cursor);
        Assert.Equal([0, 3], revoke.Slots);
        await worker.NextAsync<OverMessage>();
    }

    [Fact]
    public async Task A_worker_that_has_said_all_is_heard_to_its_last_word()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();

        stream.Send(1, Samples.Contribution([.. Enumerable.Repeat(262_144, 10)]));
        stream.Send(new LeavingMessage());
        stream.Complete();

        await worker.Working;
        FakeStepSession session = await host.NextSessionAsync();
        Assert.True((await session.NextPushAsync()).Completed);
        await session.NextAsync<LeavingMessage>();
        await session.EndAsync();
        Assert.Empty(server.Errors);
    }

    [Fact]
    public async Task At_the_end_of_the_stream_what_was_said_before_still_comes()
    {
        var host = new FakeShardHost
        {
            OnAttach = session =>
            {
                session.Sink.Send(Samples.Turn(new float[1_000_000]));
                session.Sink.Send(new OverMessage());
                session.Sink.End(null);
            },
        };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();

        await worker.OpenAsync(client);

        await worker.NextAsync<OfferedVersion>();
        await worker.NextAsync<OverMessage>();
        await worker.NextAsync<TestWorker.EndedEvent>();
        await worker.Working;
        await (await host.NextSessionAsync()).EndAsync();
    }
}

public sealed class GrpcWordsTests() : WordsTests(StreamTransport.Grpc);

public sealed class SharedWordsTests() : WordsTests(StreamTransport.Shared);

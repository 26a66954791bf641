using System.Buffers;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>Contributions reach a shard as they were made, and are answered.</summary>
public abstract class ContributionTests(StreamTransport transport)
{
    [Fact]
    public async Task One_of_many_chunks()
    {
        var result = new PushResult(PushStatus.Refused, new Cursor(3, 9, -1), [1, 3], [3]);
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { Result = result } };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        Contribution contribution = Samples.Contribution(262_144, 1, 262_144, 100_001);

        stream.Send(1L << 40, contribution);
        AnswerMessage answer = await worker.NextAsync<AnswerMessage>();

        Assert.Equal((1L << 40, result.Status, result.ShardCursor), (answer.Push, answer.Result.Status, answer.Result.ShardCursor));
        Assert.Equal([1, 3], answer.Result.Missing);
        Assert.Equal([3], answer.Result.Mismatched);
        FakePushSession push = await (await host.NextSessionAsync()).NextPushAsync();
        await push.EndAsync();
        Assert.Equal((1L << 40, true), (push.Number, push.Completed));
        AssertSame(contribution, push);
    }

    [Fact]
    public async Task Ones_without_integers_without_chunks_and_of_a_slot_that_is_not_finite()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        Contribution none = Samples.Contribution();
        Contribution[] sent = [Samples.Contribution(0, 0), none, none with { Reports = [new SlotReport { Slot = 2, Samples = 3, LossSum = double.NegativeInfinity, IsNotFinite = true, ChunkHashes = [] }] }, Samples.Contribution(5)];

        for (int i = 0; i < sent.Length; i++)
        {
            stream.Send(i, sent[i]);
        }

        FakeStepSession session = await host.NextSessionAsync();
        for (int i = 0; i < sent.Length; i++)
        {
            Assert.Equal((i, PushStatus.Accepted), await AnswerAsync(worker));
            AssertSame(sent[i], await session.NextPushAsync());
        }
    }

    [Fact]
    public async Task One_whose_integers_have_few_bits()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();
        Contribution plain = Samples.Contribution(262_144, 1, 0, 100_001);
        Contribution sent = plain with { IsNarrow = true, Chunks = [.. plain.Chunks.Select(chunk => chunk with { Sums = chunk.Sums.ToArray().Select((q, i) => i % 70_000 == 9 ? q : q >> 15).ToArray() })] };

        stream.Send(1, sent);

        Assert.Equal((1, PushStatus.Accepted), await AnswerAsync(worker));
        AssertSame(sent, await (await host.NextSessionAsync()).NextPushAsync());
    }

    [Theory]
    [InlineData(PushStatus.Accepted)]
    [InlineData(PushStatus.Duplicate)]
    [InlineData(PushStatus.Stale)]
    [InlineData(PushStatus.Refused)]
    [InlineData(PushStatus.NotFinite)]
    public async Task Every_answer(PushStatus status)
    {
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { Result = new PushResult(status, Samples.Cursor, [], []) } };
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();

        stream.Send(1, Samples.Contribution(1));

        Assert.Equal((1, status), await AnswerAsync(worker));
    }

    [Fact]
    public async Task Words_that_are_sent_after_a_contribution_come_after_it()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host, transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();
        IStepStream stream = await worker.OpenAsync(client);
        await worker.NextAsync<OfferedVersion>();

        stream.Send(1, Samples.Contribution(65_536, 65_536, 65_536));
        stream.Send(new IdleMessage(Samples.Cursor, 3));

        FakeStepSession session = await host.NextSessionAsync();
        await session.NextAsync<IdleMessage>();
        FakePushSession push = await session.NextPushAsync();
        Assert.True(push.Completed);
        Assert.Equal(3, push.Chunks.Count);
    }

    private static async Task<(long Push, PushStatus Status)> AnswerAsync(TestWorker worker)
    {
        AnswerMessage answer = await worker.NextAsync<AnswerMessage>();
        return (answer.Push, answer.Result.Status);
    }

    private static void AssertSame(Contribution expected, FakePushSession actual)
    {
        Contribution header = actual.Header;
        Assert.Equal((expected.JobId, expected.Cursor, expected.WorkerId, expected.SyncMs, expected.SlotMs), (header.JobId, header.Cursor, header.WorkerId, header.SyncMs, header.SlotMs));
        Assert.Empty(header.Chunks);
        Assert.Equal(expected.Reports.Select(Describe), header.Reports.Select(Describe));
        Assert.Equal(expected.Chunks.Select(c => c.Chunk), actual.Chunks.Select(c => c.Chunk));
        foreach ((ChunkSum sent, ChunkSum received) in expected.Chunks.Zip(actual.Chunks))
        {
            Assert.True(sent.Sums.Span.SequenceEqual(received.Sums.Span));
            Assert.Equal(sent.Escapes.ToArray(), received.Escapes.ToArray());
            Assert.True(sent.Exponents.Span.SequenceEqual(received.Exponents.Span));
        }
    }

    private static (int, int, double, bool, string) Describe(SlotReport report) =>
        (report.Slot, report.Samples, report.LossSum, report.IsNotFinite, string.Join(' ', report.ChunkHashes));
}

public sealed class GrpcContributionTests() : ContributionTests(StreamTransport.Grpc);

public sealed class SharedContributionTests() : ContributionTests(StreamTransport.Shared);

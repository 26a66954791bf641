using System.Buffers;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Checkpoints;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Tests.Hosting;
using Lockstep.Transport;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Tests.Loopback;

namespace Lockstep.ParameterServer.Tests.Wire;

/// <summary>A worker that says over a real stream what cannot be, or what is not so, is refused or not heard; the shard lives, and the others end the job with the ledger that it has without the liar.</summary>
public abstract class LyingWorkerTests(StreamTransport transport) : IDisposable
{
    private const int Slots = 4;
    private const int Steps = 4;
    private const int Elements = 6_000;

    private static readonly Dictionary<string, (string? Refusal, Action<IStepStream, Contribution> Tell)> All = new(StringComparer.Ordinal)
    {
        ["no slots"] = Refused("it has no slots", good => good with { Reports = [] }),
        ["a slot beyond the last"] = Refused("slot 4 after", good => good with { Reports = [good.Reports[0] with { Slot = Slots }, good.Reports[1]] }),
        ["a slot twice"] = Refused("not in ascending order", good => good with { Reports = [good.Reports[0], good.Reports[0]] }),
        ["samples below none"] = Refused("reports -1 samples", good => good with { Reports = [good.Reports[0] with { Samples = -1 }, good.Reports[1]] }),
        ["hashes for other chunks"] = Refused("chunk hashes", good => good with { Reports = [good.Reports[0] with { ChunkHashes = [] }, good.Reports[1]] }),
        ["another hash"] = Refused("do not have the hash", good => good with { Reports = [good.Reports[0] with { ChunkHashes = [.. good.Reports[0].ChunkHashes.Select(h => h + 1)] }, good.Reports[1]] }),
        ["a sum that cannot be"] = Refused("has a sum of", good => First(good, chunk => chunk with { Escapes = new(Changed(chunk.Escapes.ToArray(), 0, int.MinValue)) })),
        ["another sum"] = Refused("do not have the hash", good => First(good, chunk => chunk with { Escapes = new(Changed(chunk.Escapes.ToArray(), 5, 12345)) })),
        ["fewer escapes"] = Refused("fewer than its exponents say", good => First(good, chunk => chunk with { Escapes = chunk.Escapes.Slice(1) })),
        ["more escapes"] = Refused("more than its exponents say", good => First(good, chunk => chunk with { Escapes = new([.. chunk.Escapes.ToArray(), 0]) })),
        ["an exponent that is none"] = Refused("an exponent that is none", good => First(good, chunk => chunk with { Exponents = Changed(chunk.Exponents.ToArray(), 0, (byte)210) })),
        ["no exponents"] = Refused("exponents, not 0", good => First(good, chunk => chunk with { Exponents = default })),
        ["too many sums"] = Refused("elements, not 1000", good => First(good, chunk => chunk with { Sums = new SharedMemory().Sums(1000) })),
        ["a chunk that there is not"] = Refused("chunk 99 is not one of shard 0", good => First(good, chunk => chunk with { Chunk = 99 })),
        ["a chunk twice"] = Refused("comes twice", good => good with { Chunks = [good.Chunks[0], good.Chunks[0], .. good.Chunks.Skip(1)] }),
        ["fewer chunks than there are"] = Refused("chunks came", good => good with { Chunks = [good.Chunks[0]] }),
        ["an evaluated slot that there is not"] = Refused("99", (stream, good) => stream.Send(new EvaluationMessage(good.Cursor with { Attempt = Cursor.Evaluation }, 99, new EvaluationPart(1, 1, [], [], []), 1))),
        ["chunks in another order"] = NotHeard((stream, good) => stream.Send(1, good with { Chunks = [.. good.Chunks.Reverse()] })),
        ["an older generation"] = NotHeard((stream, good) => stream.Send(1, good with { Cursor = good.Cursor with { Generation = -1 } })),
        ["a generation that is to come"] = NotHeard((stream, good) => stream.Send(1, good with { Cursor = good.Cursor with { Generation = 7 } })),
        // Where the job comes to it, it is heard, and refused for what it holds.
        ["a step that is to come"] = NotHeard((stream, good) => stream.Send(1, good with { Cursor = good.Cursor with { Step = Steps + 1 } })),
        ["times that cannot be"] = NotHeard((stream, good) => stream.Send(1, good with { SlotMs = double.NaN, SyncMs = double.NegativeInfinity })),
        ["the same again and again"] = NotHeard((stream, good) =>
        {
            for (int push = 1; push < 10; push++)
            {
                stream.Send(1, good);
            }
        }),
        ["progress of slots that there are not"] = NotHeard((stream, good) =>
        {
            foreach (int slot in new[] { -1, Slots, int.MaxValue, int.MinValue })
            {
                stream.Send(new ProgressMessage(good.Cursor, slot));
                stream.Send(new ProgressMessage(new Cursor(9, long.MaxValue, 0), slot));
            }
        }),
        ["that it computes all, and computes nothing"] = NotHeard((stream, good) =>
        {
            stream.Send(new IdleMessage(good.Cursor, 0));
            for (int slot = 0; slot < Slots; slot++)
            {
                stream.Send(new ProgressMessage(good.Cursor, slot));
            }
        }),
        ["that it is idle where nobody is"] = NotHeard((stream, good) =>
        {
            stream.Send(new IdleMessage(new Cursor(int.MaxValue, long.MaxValue, 0), long.MaxValue));
            stream.Send(new IdleMessage(new Cursor(int.MinValue, long.MinValue, -1), long.MinValue));
        }),
        ["that it leaves, and stays"] = NotHeard((stream, good) =>
        {
            stream.Send(new LeavingMessage());
            stream.Send(new LeavingMessage());
            stream.Send(new IdleMessage(good.Cursor, 0));
            stream.Send(1, good);
        }),
    };

    private static readonly Lazy<Task<IReadOnlyList<string>>> Quiet = new(QuietAsync);

    private readonly CheckpointFolder _folder = new();

    public static TheoryData<string> Lies => [.. All.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task Who_lies_is_refused_or_not_heard_and_the_ledger_stays_as_it_is(string lie)
    {
        JobDescriptor job = Job(_folder.Path);
        await using var cluster = new HostedCluster(1);
        await cluster.OpenAsync(job);
        await using ShardServer server = await ShardServer.StartAsync(cluster.Hosts[0], transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var liar = new TestWorker { Room = new float[Elements] };
        IStepStream stream = await liar.OpenAsync(client);
        (string? refusal, Action<IStepStream, Contribution> tell) = All[lie];

        tell(stream, await GoodAsync(cluster, job));

        if (refusal is not null)
        {
            ProtocolException exception = await Assert.ThrowsAsync<ProtocolException>(() => liar.Working);
            Assert.Equal(ProtocolError.Invalid, exception.Error);
            Assert.Contains(refusal, exception.Message, StringComparison.Ordinal);
        }

        await cluster.TrainAsync(job);
        Assert.Equal(await Quiet.Value, (await cluster.ReportsAsync(job)).Select(r => r.Ledger));
        Assert.True(refusal is not null || !liar.Working.IsCompleted, "The stream ended.");
        Assert.Empty(server.Errors);
    }

    [Fact]
    public async Task A_stream_of_a_worker_that_has_one_takes_its_place()
    {
        JobDescriptor job = Job(_folder.Path);
        await using var cluster = new HostedCluster(1);
        await cluster.OpenAsync(job);
        await using ShardServer server = await ShardServer.StartAsync(cluster.Hosts[0], transport: transport);
        await using GrpcShardClient one = server.Client();
        await using GrpcShardClient other = server.Client();
        await using var first = new TestWorker { Room = new float[Elements] };
        await first.OpenAsync(one);
        await using var second = new TestWorker { Room = new float[Elements] };

        IStepStream stream = await second.OpenAsync(other);

        ProtocolException exception = await Assert.ThrowsAsync<ProtocolException>(() => first.Working);
        Assert.Equal(ProtocolError.Superseded, exception.Error);
        Assert.Contains("opened another stream", exception.Message, StringComparison.Ordinal);
        await second.NextAsync<OfferedVersion>();
        stream.Send(5, await GoodAsync(cluster, job));
        AnswerMessage answer = await second.NextAsync<AnswerMessage>();
        Assert.Equal((5, PushStatus.Accepted), (answer.Push, answer.Result.Status));
    }

    [Fact]
    public async Task A_stream_of_a_job_that_is_not_there_or_has_no_values_is_refused()
    {
        await using var cluster = new HostedCluster(1);
        await using ShardServer server = await ShardServer.StartAsync(cluster.Hosts[0], transport: transport);
        await using GrpcShardClient client = server.Client();
        await using var worker = new TestWorker();

        Assert.Equal(ProtocolError.UnknownJob, (await Assert.ThrowsAsync<ProtocolException>(() => worker.Start(client).Working)).Error);
        await cluster.Hosts[0].OpenAsync(Job(_folder.Path), TestContext.Current.CancellationToken);
        Assert.Equal(ProtocolError.NeedsValues, (await Assert.ThrowsAsync<ProtocolException>(() => worker.Start(client).Working)).Error);
    }

    private static (string?, Action<IStepStream, Contribution>) Refused(string why, Func<Contribution, Contribution> change) => (why, (stream, good) => stream.Send(1, change(good)));

    private static (string?, Action<IStepStream, Contribution>) Refused(string why, Action<IStepStream, Contribution> tell) => (why, tell);

    private static (string?, Action<IStepStream, Contribution>) NotHeard(Action<IStepStream, Contribution> tell) => (null, tell);

    private static Contribution First(Contribution good, Func<ChunkSum, ChunkSum> change) => good with { Chunks = [change(good.Chunks[0]), .. good.Chunks.Skip(1)] };

    private static T[] Changed<T>(T[] values, int at, T value)
    {
        values[at] = value;
        return values;
    }

    /// <summary>What an honest worker would contribute: slots 0 and 2 of step 0, of which every block escapes.</summary>
    private static async Task<Contribution> GoodAsync(HostedCluster cluster, JobDescriptor job)
    {
        var (cursor, _, values, hints) = await cluster.PullAsync(job, null);
        var layout = new ModelLayout(job.Tensors, job.Shards);
        var group = new GroupBuilder(job, layout);
        group.Begin(cursor, hints);
        var gradient = new float[layout.Elements];
        foreach (int slot in new[] { 0, 2 })
        {
            StubGradients.Fill(gradient, values, cursor.Step, slot);
            Assert.True(group.Add(slot, 2 + slot, slot + 0.5, gradient));
        }

        return group.Build(TestWorker.Id)[0];
    }

    private static JobDescriptor Job(string folder) => StubGradients.Job(1, Slots, Steps, elements: Elements) with { CheckpointDirectory = folder };

    private static async Task<IReadOnlyList<string>> QuietAsync()
    {
        using var folder = new CheckpointFolder();
        JobDescriptor job = Job(folder.Path);
        await using var cluster = new HostedCluster(1);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job);
        return [.. (await cluster.ReportsAsync(job)).Select(r => r.Ledger)];
    }
}

public sealed class GrpcLyingWorkerTests() : LyingWorkerTests(StreamTransport.Grpc);

public sealed class SharedLyingWorkerTests() : LyingWorkerTests(StreamTransport.Shared);

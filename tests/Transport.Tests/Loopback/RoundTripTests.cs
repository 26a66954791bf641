using System.Buffers;
using System.Runtime.InteropServices;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>Every call arrives as it was made, and its answer as it was given.</summary>
public sealed class RoundTripTests
{
    [Fact(Timeout = 240_000)]
    public async Task Open_and_describe()
    {
        JobDescriptor job = Samples.Job();
        var host = new FakeShardHost { NeedsValues = true, Descriptor = job };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();

        Assert.True(await client.OpenAsync(job, TestContext.Current.CancellationToken));
        Assert.Equal(job.Fingerprint(), Assert.IsType<JobDescriptor>(host.Calls.Single()[1]).Fingerprint());
        Assert.Equal(job.Fingerprint(), (await client.DescribeAsync("job", TestContext.Current.CancellationToken))!.Fingerprint());
    }

    [Fact(Timeout = 240_000)]
    public async Task A_job_that_is_not_there_is_described_by_nothing()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        await using GrpcShardClient client = server.Client();

        Assert.False(await client.OpenAsync(Samples.Job(), TestContext.Current.CancellationToken));
        Assert.Null(await client.DescribeAsync("ünknown", TestContext.Current.CancellationToken));
    }

    [Theory(Timeout = 240_000)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(262_144)]
    [InlineData(2_000_003)]
    public async Task Initial_values_of_any_size(int count)
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        float[] values = Samples.Floats(count);

        await client.InitializeAsync("job", values, TestContext.Current.CancellationToken);

        object?[] call = host.Calls.Single();
        Assert.Equal("job", call[1]);
        AssertSameBits(values, (float[])call[2]!);
    }

    [Theory(Timeout = 240_000)]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(524_288)]
    [InlineData(2_000_003)]
    public async Task A_version_of_any_size(int count)
    {
        float[] values = Samples.Floats(count);
        bool released = false;
        var host = new FakeShardHost { Version = new PulledVersion(Samples.Cursor, true, values, new short[] { -126, 0, 127 }, () => released = true) { AgeMs = 12.5 } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();

        ShardView view = await client.PullAsync("job", new Cursor(1, 2, -1), 1, new WorkerPace("worker-3", 12.5), TestContext.Current.CancellationToken);

        Assert.Equal((Samples.Cursor, true), (view.Cursor, view.Finished));
        Assert.Equal([-126, 0, 127], view.Hints);
        Assert.True(view.SyncMs >= 12.5, "The time that receiving took is added.");
        AssertSameBits(values, view.Values!);
        Assert.Equal(["pull", "job", new Cursor(1, 2, -1), 1L], host.Calls.Single());
        Assert.Equal(new WorkerPace("worker-3", 12.5), host.Pace);
        await server.DisposeAsync();
        Assert.True(released);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_version_that_the_caller_holds_comes_without_values()
    {
        var host = new FakeShardHost { Version = new PulledVersion(Samples.Cursor, false, null, new short[] { 5 }, () => { }) };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();

        ShardView view = await client.PullAsync("job", null, -1, default, TestContext.Current.CancellationToken);

        Assert.Null(view.Values);
        Assert.Equal((false, -1.0), (view.Finished, view.SyncMs));
        Assert.Equal(["pull", "job", null, -1L], host.Calls.Single());
        Assert.False(host.Pace.IsKnown);
    }

    [Fact(Timeout = 240_000)]
    public async Task Values_that_were_given_back_are_those_of_the_next_pull()
    {
        float[] values = [1, 2, 3];
        var host = new FakeShardHost { Version = new PulledVersion(Samples.Cursor, false, values, new short[] { 5 }, () => { }) };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();

        ShardView kept = await PullAsync();
        ShardView first = await PullAsync();
        Assert.NotSame(kept.Values, first.Values);
        float[] array = first.Values!;
        first.GiveBack!(array);
        Array.Fill(array, -1);
        ShardView second = await PullAsync();
        Assert.Same(array, second.Values);
        Assert.Equal(values, second.Values);
        Assert.Equal(values, kept.Values);
        Assert.NotSame(array, (await PullAsync()).Values);

        Task<ShardView> PullAsync() => client.PullAsync("job", null, -1, default, TestContext.Current.CancellationToken);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_version_at_a_cursor_or_none()
    {
        var host = new FakeShardHost { Version = new PulledVersion(Samples.Cursor, false, new float[] { 1, 2 }, new short[] { 5 }, () => { }) };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        ShardView? view = await client.PullAtAsync("job", Samples.Cursor, 4, TestContext.Current.CancellationToken);
        Assert.Equal([1, 2], view!.Values!);
        Assert.Equal(["pullAt", "job", Samples.Cursor, 4L], host.Calls.Single());

        await using ShardServer empty = await ShardServer.StartAsync(new FakeShardHost());
        await using GrpcShardClient other = empty.Client();
        Assert.Null(await other.PullAtAsync("job", Samples.Cursor, 4, TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = 240_000)]
    public async Task A_contribution_of_many_chunks()
    {
        var result = new PushResult(PushStatus.Refused, new Cursor(3, 9, -1), [1, 3], [3]);
        var host = new FakeShardHost { OnPush = header => new FakePushSession(header) { Result = result } };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        Contribution contribution = Samples.Contribution(262_144, 1, 262_144, 100_001);

        PushResult answer = await client.PushAsync(contribution, TestContext.Current.CancellationToken);

        Assert.Equal((result.Status, result.ShardCursor), (answer.Status, answer.ShardCursor));
        Assert.Equal([1, 3], answer.Missing);
        Assert.Equal([3], answer.Mismatched);
        FakePushSession session = await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken);
        await session.Disposed.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(session.Completed);
        AssertSame(contribution, session);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_contribution_that_only_measures_and_one_of_a_shard_without_chunks()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        Contribution measures = Samples.Contribution(0, 0);
        Contribution none = Samples.Contribution();

        await client.PushAsync(measures, TestContext.Current.CancellationToken);
        await client.PushAsync(none, TestContext.Current.CancellationToken);

        AssertSame(measures, await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken));
        AssertSame(none, await host.Pushes.Reader.ReadAsync(TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = 240_000)]
    public async Task The_small_calls()
    {
        var host = new FakeShardHost { MissingSlots = [0, 7], Factor = 0.123456789012345678, KeepsNext = true, Kept = long.MaxValue };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        var part = new EvaluationPart(3, double.PositiveInfinity, [0.1, 2], [0.5f, float.NaN], [0, 1]);
        UInt128[] hashes = [UInt128.MaxValue, 0, (UInt128)1 << 64];
        double[] squares = [1e300, double.Epsilon, 0];

        Assert.Equal([0, 7], await client.MissingAsync("job", Samples.Cursor, TestContext.Current.CancellationToken));
        await client.ReportEvaluationAsync("job", Samples.Cursor with { Attempt = -1 }, 2, "worker", part, TestContext.Current.CancellationToken);
        await client.WaitEvaluatedAsync("job", Samples.Cursor, TestContext.Current.CancellationToken);
        Assert.Equal(host.Factor, await client.ClipFactorAsync("job", Samples.Cursor, 1, squares, TestContext.Current.CancellationToken));
        Assert.True(await client.AnnounceAsync("job", new ShardAnnouncement(Samples.Cursor, 1, hashes, 1.5, 2.5, 3) { CheckpointBlockedMs = 4.5 }, TestContext.Current.CancellationToken));
        CheckpointNotice written = new(2, 4, 1, "ab12", null, 1.25);
        CheckpointNotice notWritten = new(2, 5, 0, null, "disk full", 0.5);
        await client.CheckpointPartAsync("job", written, TestContext.Current.CancellationToken);
        await client.CheckpointPartAsync("job", notWritten, TestContext.Current.CancellationToken);
        await client.CloseAsync("job", TestContext.Current.CancellationToken);
        Assert.Equal(long.MaxValue, await client.CheckpointAsync("job", TestContext.Current.CancellationToken));

        object?[][] calls = [.. host.Calls];
        Assert.Equal(["missing", "job", Samples.Cursor], calls[0]);
        Assert.Equal(["report", "job", Samples.Cursor with { Attempt = -1 }, 2, "worker"], calls[1][..5]);
        var received = (EvaluationPart)calls[1][5]!;
        Assert.Equal((part.Samples, part.LossSum), (received.Samples, received.LossSum));
        Assert.Equal(part.Parts, received.Parts);
        AssertSameBits(part.Scores, received.Scores);
        Assert.Equal(part.Labels, received.Labels);
        Assert.Equal(["evaluated", "job", Samples.Cursor], calls[2]);
        Assert.Equal(["clip", "job", Samples.Cursor, 1, squares], calls[3]);
        var announcement = (ShardAnnouncement)calls[4][2]!;
        Assert.Equal((Samples.Cursor, 1, 1.5, 2.5, 3, 4.5), (announcement.Cursor, announcement.Shard, announcement.GatherMs, announcement.UpdateMs, announcement.Mismatched, announcement.CheckpointBlockedMs));
        Assert.Equal(hashes, announcement.BlockHashes);
        Assert.Equal(["part", "job", written], calls[5]);
        Assert.Equal(["part", "job", notWritten], calls[6]);
        Assert.Equal(["close", "job"], calls[7]);
        Assert.Equal(["checkpoint", "job"], calls[8]);
        Assert.Equal(9, calls.Length);
    }

    [Fact(Timeout = 240_000)]
    public async Task What_a_scheduler_asks_of_a_shard()
    {
        JobDescriptor job = Samples.Job();
        var status = new ShardStatus { Incarnation = "second", Hosted = true, Cursor = Samples.Cursor, NeedsValues = true, Term = 1L << 40, DurableVersion = 0, FinalCheckpointFailure = "no room", Failure = "größer", Error = ProtocolError.NotFinite };
        var host = new FakeShardHost { JobStatus = status, Inventory = new CheckpointInventory([0, 5_000_000_000], 7), Kept = 1L << 40 };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();

        await client.RestoreAsync(job, 1L << 40, 3, 0, TestContext.Current.CancellationToken);
        await client.RestoreAsync(job, 2, 4, null, TestContext.Current.CancellationToken);
        Assert.Equal(status, await client.StatusAsync("job", TestContext.Current.CancellationToken));
        CheckpointInventory inventory = await client.CheckpointsAsync(job, TestContext.Current.CancellationToken);
        Assert.True(await client.KeepAsync("job", 1L << 40, TestContext.Current.CancellationToken));
        Assert.False(await client.KeepAsync("job", 0, TestContext.Current.CancellationToken));

        object?[][] calls = [.. host.Calls];
        Assert.Equal([1L << 40, 3, 0L], calls[0][2..]);
        Assert.Equal([2L, 4, null], calls[1][2..]);
        Assert.All([calls[0], calls[1], calls[3]], call => Assert.Equal(job.Fingerprint(), Assert.IsType<JobDescriptor>(call[1]).Fingerprint()));
        Assert.Equal([0, 5_000_000_000], inventory.Versions);
        Assert.Equal(7, inventory.Generation);
    }

    [Fact(Timeout = 240_000)]
    public async Task A_shard_without_the_job_says_who_it_is_and_nothing_more()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost { JobStatus = new ShardStatus { Incarnation = "second" } });
        await using GrpcShardClient client = server.Client();

        Assert.Equal(new ShardStatus { Incarnation = "second" }, await client.StatusAsync("job", TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = 240_000)]
    public async Task Reports_even_of_a_model_that_diverged()
    {
        var host = new FakeShardHost();
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        var report = new StepReport
        {
            Cursor = Samples.Cursor,
            Ledger = "00ff",
            Loss = double.NaN,
            SyncMs = double.PositiveInfinity,
            SlotWorkers = ["a", "b"],
            GroupSizes = [2, 1],
            EvaluationParts = [new EvaluationPart(1, double.NegativeInfinity, [double.NaN], [float.NaN], [1])],
            Duplicate = 4,
        };
        host.Reports.Writer.TryWrite(report);
        host.Reports.Writer.TryWrite(report with { Finished = true });
        host.Reports.Writer.Complete();

        List<StepReport> reports = [];
        await foreach (StepReport received in client.WatchAsync("job", 17, TestContext.Current.CancellationToken))
        {
            reports.Add(received);
        }

        Assert.Equal(["watch", "job", 17L], host.Calls.Single());
        Assert.Equal([false, true], reports.Select(r => r.Finished));
        Assert.Equal((report.Cursor, report.Ledger, report.Loss, report.SyncMs, report.Duplicate), (reports[0].Cursor, reports[0].Ledger, reports[0].Loss, reports[0].SyncMs, reports[0].Duplicate));
        Assert.Equal(report.SlotWorkers, reports[0].SlotWorkers);
        Assert.Equal(report.GroupSizes, reports[0].GroupSizes);
        Assert.Equal((double.NegativeInfinity, double.NaN, float.NaN), (reports[0].EvaluationParts[0].LossSum, reports[0].EvaluationParts[0].Parts[0], reports[0].EvaluationParts[0].Scores[0]));
    }

    private static void AssertSame(Contribution expected, FakePushSession actual)
    {
        Contribution header = actual.Header;
        Assert.Equal((expected.JobId, expected.Cursor, expected.WorkerId, expected.SyncMs), (header.JobId, header.Cursor, header.WorkerId, header.SyncMs));
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

    private static (int, int, double, string, bool, string) Describe(SlotReport report) =>
        (report.Slot, report.Samples, report.LossSum, string.Join(' ', report.MetricParts), report.IsNotFinite, string.Join(' ', report.ChunkHashes));

    private static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) =>
        Assert.True(MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(actual)));
}

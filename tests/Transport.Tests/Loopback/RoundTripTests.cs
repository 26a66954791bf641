using System.Runtime.InteropServices;
using Lockstep.Core.Grants;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>Every call arrives as it was made, and its answer as it was given.</summary>
public sealed class RoundTripTests
{
    [Fact]
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

    [Fact]
    public async Task A_job_that_is_not_there_is_described_by_nothing()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        await using GrpcShardClient client = server.Client();

        Assert.False(await client.OpenAsync(Samples.Job(), TestContext.Current.CancellationToken));
        Assert.Null(await client.DescribeAsync("ünknown", TestContext.Current.CancellationToken));
    }

    [Theory]
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

    [Fact]
    public async Task The_small_calls()
    {
        var host = new FakeShardHost { Left = new AbandonedSlots(Samples.Cursor, 7, 3), Factor = 0.123456789012345678, KeepsNext = true, Kept = long.MaxValue };
        await using ShardServer server = await ShardServer.StartAsync(host);
        await using GrpcShardClient client = server.Client();
        UInt128[] hashes = [UInt128.MaxValue, 0, (UInt128)1 << 64];
        double[] squares = [1e300, double.Epsilon, 0];

        Assert.Equal(host.Left, await client.InHandAsync("job", "worker ä", TestContext.Current.CancellationToken));
        Assert.Equal(host.Factor, await client.ClipFactorAsync("job", Samples.Cursor, 1, squares, TestContext.Current.CancellationToken));
        Assert.True(await client.AnnounceAsync("job", new ShardAnnouncement(Samples.Cursor, 1, hashes, 1.5, 2.5, 3) { CheckpointBlockedMs = 4.5, EscapedBlocks = 6 }, TestContext.Current.CancellationToken));
        await client.ProgressAsync("job", new ShardProgress(1, Samples.Cursor, [0, 65_535]), TestContext.Current.CancellationToken);
        CheckpointNotice written = new(2, 4, 1, "ab12", null, 1.25);
        CheckpointNotice notWritten = new(2, 5, 0, null, "disk full", 0.5);
        await client.CheckpointPartAsync("job", written, TestContext.Current.CancellationToken);
        await client.CheckpointPartAsync("job", notWritten, TestContext.Current.CancellationToken);
        await client.CloseAsync("job", TestContext.Current.CancellationToken);
        Assert.Equal(long.MaxValue, await client.CheckpointAsync("job", TestContext.Current.CancellationToken));

        object?[][] calls = [.. host.Calls];
        Assert.Equal(["inHand", "job", "worker ä"], calls[0]);
        Assert.Equal(["clip", "job", Samples.Cursor, 1, squares], calls[1]);
        var announcement = (ShardAnnouncement)calls[2][2]!;
        Assert.Equal((Samples.Cursor, 1, 1.5, 2.5, 3, 4.5, 6), (announcement.Cursor, announcement.Shard, announcement.GatherMs, announcement.UpdateMs, announcement.Mismatched, announcement.CheckpointBlockedMs, announcement.EscapedBlocks));
        Assert.Equal(hashes, announcement.BlockHashes);
        var progress = (ShardProgress)calls[3][2]!;
        Assert.Equal((1, Samples.Cursor), (progress.Shard, progress.Cursor));
        Assert.Equal([0, 65_535], progress.Missing);
        Assert.Equal(["part", "job", written], calls[4]);
        Assert.Equal(["part", "job", notWritten], calls[5]);
        Assert.Equal(["close", "job"], calls[6]);
        Assert.Equal(["checkpoint", "job"], calls[7]);
        Assert.Equal(8, calls.Length);
    }

    [Fact]
    public async Task A_worker_that_has_nothing_in_hand()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost());
        await using GrpcShardClient client = server.Client();

        Assert.Null(await client.InHandAsync("job", "worker", TestContext.Current.CancellationToken));
    }

    [Fact]
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

    [Fact]
    public async Task A_shard_without_the_job_says_who_it_is_and_nothing_more()
    {
        await using ShardServer server = await ShardServer.StartAsync(new FakeShardHost { JobStatus = new ShardStatus { Incarnation = "second" } });
        await using GrpcShardClient client = server.Client();

        Assert.Equal(new ShardStatus { Incarnation = "second" }, await client.StatusAsync("job", TestContext.Current.CancellationToken));
    }

    [Fact]
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

    private static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) =>
        Assert.True(MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(actual)));
}

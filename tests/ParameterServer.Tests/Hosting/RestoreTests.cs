using Lockstep.Core.Checkpoints;
using Lockstep.Core.Codec;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Checkpoints;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.ParameterServer.Tests.Hosting;

/// <summary>What a shard answers a scheduler that takes a job up again.</summary>
public sealed class RestoreTests : IAsyncDisposable
{
    private readonly CheckpointFolder _folder = new();
    private readonly HostedCluster _cluster = new(1);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private ShardHost Host => _cluster.Hosts[0];

    private JobDescriptor Job => StubGradients.Job(1, 4, 6) with { CheckpointDirectory = _folder.Path, CheckpointEvery = 2 };

    [Fact]
    public async Task The_same_restoration_again_changes_nothing()
    {
        await TrainAsync(3);
        await Host.RestoreAsync(Job, 5, 1, 2, Cancellation);
        Assert.Equal(new Cursor(1, 2, 0), Host.Status("job").Cursor);
        await _cluster.TrainAsync(Job, until: 4);

        await Host.RestoreAsync(Job, 6, 1, 2, Cancellation);

        ShardStatus status = Host.Status("job");
        Assert.Equal((new Cursor(1, 4, 0), 6L, true, false), (status.Cursor, status.Term, status.Hosted, status.NeedsValues));
    }

    [Fact]
    public async Task An_older_term_or_generation_is_refused()
    {
        await TrainAsync(3);
        await Host.RestoreAsync(Job, 5, 4, 2, Cancellation);

        Assert.Contains("by a scheduler of term 5; one of term 4", await RefusedAsync(4, 5, 2), StringComparison.Ordinal);
        Assert.Contains("in generation 4 already", await RefusedAsync(5, 3, 2), StringComparison.Ordinal);
        // The same generation from another version would be two histories under one number.
        Assert.Contains("in generation 4 already", await RefusedAsync(5, 4, 0), StringComparison.Ordinal);
        Assert.Equal(new Cursor(4, 2, 0), Host.Status("job").Cursor);

        async Task<string> RefusedAsync(long term, int generation, long version)
        {
            var exception = await Assert.ThrowsAsync<ProtocolException>(() => Host.RestoreAsync(Job, term, generation, version, Cancellation));
            Assert.Equal(ProtocolError.Superseded, exception.Error);
            return exception.Message;
        }
    }

    [Fact]
    public async Task Streams_end_with_their_generation_and_a_push_on_one_is_stale()
    {
        await TrainAsync(3);
        Cursor cursor = Host.Status("job").Cursor;
        using var stream = new StubStream(Host, "job");
        using IPushSession push = stream.Begin(Contribution(cursor));
        var (_, _, values, _) = await _cluster.PullAsync(Job, null);

        await Host.RestoreAsync(Job, 1, 1, 2, Cancellation);

        Assert.Equal(ProtocolError.Superseded, (await Assert.ThrowsAsync<ProtocolException>(() => stream.TurnAsync(cursor))).Error);
        PushResult stale = push.Complete();
        Assert.Equal((PushStatus.Stale, new Cursor(1, 2, 0)), (stale.Status, stale.ShardCursor));
        var (next, _, nextValues, _) = await _cluster.PullAsync(Job, null);
        Assert.Equal(new Cursor(1, 2, 0), next);
        Assert.NotEqual(values, nextValues);
    }

    [Fact]
    public async Task From_the_start_it_waits_for_values_again()
    {
        await TrainAsync(3);
        await Host.RestoreAsync(Job, 1, 1, null, Cancellation);

        Assert.Equal(ProtocolError.NeedsValues, Assert.Throws<ProtocolException>(() => new StubStream(Host, "job")).Error);
        Assert.True(Host.Status("job").NeedsValues);
        await _cluster.OpenAsync(Job);
        Assert.Equal(new Cursor(1, 0, 0), (await _cluster.PullAsync(Job, null)).Cursor);
        await _cluster.TrainAsync(Job);
        AssertRepeated(await _cluster.ReportsAsync(Job), from: 0);
    }

    [Fact]
    public async Task Version_0_from_its_checkpoint_gives_the_same_ledger()
    {
        await TrainAsync(3);
        await Host.RestoreAsync(Job, 1, 1, 0, Cancellation);

        Assert.False(await Host.OpenAsync(Job, Cancellation));
        // A worker that comes late brings the values that are there.
        await Host.InitializeAsync("job", StubGradients.Initial(Job), Cancellation);
        await _cluster.TrainAsync(Job);
        AssertRepeated(await _cluster.ReportsAsync(Job), from: 0);
    }

    [Fact]
    public async Task A_set_that_is_not_there_leaves_the_job_unknown_until_another_is_named()
    {
        await TrainAsync(3);
        Cursor cursor = Host.Status("job").Cursor;
        using var stream = new StubStream(Host, "job");

        Assert.Equal(ProtocolError.Checkpoint, (await Assert.ThrowsAsync<ProtocolException>(() => Host.RestoreAsync(Job, 1, 1, 77, Cancellation))).Error);
        Assert.Equal(ProtocolError.Superseded, (await Assert.ThrowsAsync<ProtocolException>(() => stream.TurnAsync(cursor))).Error);
        Assert.False(Host.Status("job").Hosted);

        await Host.RestoreAsync(Job, 1, 2, 2, Cancellation);
        await _cluster.TrainAsync(Job);
        AssertRepeated(await _cluster.ReportsAsync(Job), from: 2);
    }

    [Fact]
    public async Task A_process_in_the_place_of_another_tells_what_it_finds_and_goes_on_with_the_numbering()
    {
        await TrainAsync(3);
        string before = Host.Incarnation;
        await _cluster.DisposeAsync();
        var second = new HostedCluster(1);
        ShardHost host = second.Hosts[0];
        try
        {
            Assert.NotEqual(before, host.Incarnation);
            Assert.False(host.Status("job").Hosted);
            CheckpointInventory found = host.Checkpoints(Job);
            Assert.Equal([0, 2], found.Versions);
            Assert.Equal(0, found.Generation);

            await host.RestoreAsync(Job, 1, 1, 2, Cancellation);
            await second.TrainAsync(Job);

            IReadOnlyList<StepReport> reports = await second.ReportsAsync(Job);
            AssertRepeated(reports, from: 2);
            Assert.Equal(reports.Skip(4).Select(r => r.Ledger), (await second.ReportsAsync(Job, from: 4)).Select(r => r.Ledger));
            Assert.Equal(1, host.Checkpoints(Job).Generation);
        }
        finally
        {
            await second.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_checkpoint_of_another_determinism_class_is_refused_where_nobody_accepted_it()
    {
        await TrainAsync(3);
        await _cluster.TrainAsync(Job, until: 5);
        Assert.True(SpinWait.SpinUntil(() => Host.Status("job").DurableVersion == 4, HostedCluster.Patience));
        await _cluster.DisposeAsync();
        JobDescriptor other = Job with { DeterminismClass = "another" };
        await using var second = new HostedCluster(1);

        foreach (JobDescriptor job in new[] { other with { ResumeStep = 2 }, other with { ResumeStep = 4 } })
        {
            var resumed = await Assert.ThrowsAsync<ProtocolException>(() => second.Hosts[0].OpenAsync(job, Cancellation));
            Assert.Equal(ProtocolError.Conflict, resumed.Error);
            Assert.Contains("'stub'", resumed.Message, StringComparison.Ordinal);
            Assert.Contains("'another'", resumed.Message, StringComparison.Ordinal);
        }

        Assert.Equal(ProtocolError.Conflict, (await Assert.ThrowsAsync<ProtocolException>(() => second.Hosts[0].RestoreAsync(other, 1, 1, 2, Cancellation))).Error);
        // Accepted is the checkpoint that the run goes on from, and no older one.
        JobDescriptor accepted = other with { ResumeStep = 4, AcceptsClass = true };
        Assert.False(await second.Hosts[0].OpenAsync(accepted, Cancellation));
        Assert.Equal(ProtocolError.Conflict, (await Assert.ThrowsAsync<ProtocolException>(() => second.Hosts[0].RestoreAsync(accepted, 1, 2, 2, Cancellation))).Error);
        // Initial values have the same bits in every class.
        await second.Hosts[0].RestoreAsync(other with { JobId = "new" }, 1, 1, 0, Cancellation);
        Assert.True(second.Hosts[0].Status("new").Hosted);
    }

    [Fact]
    public async Task Sets_of_another_run_in_the_same_folder_are_not_offered()
    {
        await TrainAsync(3);
        CheckpointSet.Seal(_folder.Path, 90, _folder.WriteParts(Job, 90));

        Assert.Equal([0, 2], Host.Checkpoints(Job).Versions);
    }

    [Fact]
    public async Task A_final_checkpoint_that_is_never_written_fails_the_job_after_a_time()
    {
        var time = new FakeTimeProvider();
        var host = new ShardHost(0, null, long.MaxValue, time, new SilentShardObserver(), new FullDisk());
        await using (host)
        {
            _cluster.Hosts[0] = host;
            await _cluster.OpenAsync(Job);
            await _cluster.TrainAsync(Job);
            int minutes = 0;
            ShardStatus status;
            while ((status = host.Status("job")).Failure is null)
            {
                // The write is tried elsewhere: time goes on for as long as that takes.
                time.Advance(TimeSpan.FromSeconds(1));
                minutes++;
                Assert.True(minutes < 100_000, "The job does not fail.");
                await Task.Yield();
            }

            Assert.True(minutes >= 100, $"It failed after {minutes} s.");
            Assert.Equal(ProtocolError.Checkpoint, status.Error);
            Assert.Contains("could not be written to", status.Failure, StringComparison.Ordinal);
            Assert.Contains("within 2 minutes: There is no room. Free space", status.Failure, StringComparison.Ordinal);
        }
    }

    /// <summary>A set of the generation before may make older ones superfluous, which the next generation, from before it, is to write again.</summary>
    [Fact]
    public async Task It_waits_until_the_generation_before_deletes_nothing_more()
    {
        var disk = new HeldDeletions();
        var host = new ShardHost(0, null, long.MaxValue, TimeProvider.System, new SilentShardObserver(), disk);
        await using (host)
        {
            _cluster.Hosts[0] = host;
            JobDescriptor job = Job with { CheckpointKeep = 1 };
            await _cluster.OpenAsync(job);
            await _cluster.TrainAsync(job, 5);
            await disk.Begun.WaitAsync(HostedCluster.Patience, Cancellation);

            Task restored = host.RestoreAsync(job, 1, 1, 2, Cancellation);
            // Where it did not wait, this is ample time for it.
            Task first = await Task.WhenAny(restored, Task.Delay(200, Cancellation));
            disk.Release();
            Assert.NotSame(restored, first);
            await restored;

            int deleted = disk.Deleted;
            Assert.Equal([2], CheckpointSet.List(_folder.Path));
            await _cluster.TrainAsync(job);
            await _cluster.ReportsAsync(job);
            Assert.Equal([6], CheckpointSet.List(_folder.Path));
            Assert.True(disk.Deleted > deleted, "The new generation deletes nothing.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>Trains to a step, and waits until version 2 is durable.</summary>
    private async Task TrainAsync(long until)
    {
        await _cluster.OpenAsync(Job);
        await _cluster.TrainAsync(Job, until);
        Assert.True(SpinWait.SpinUntil(() => Host.Status("job").DurableVersion == 2, HostedCluster.Patience));
    }

    private static void AssertRepeated(IReadOnlyList<StepReport> reports, long from)
    {
        Assert.Equal([0, 1, 2, .. Enumerable.Range((int)from, 6 - (int)from).Select(step => (long)step)], reports.Select(r => r.Cursor.Step));
        Assert.All(reports, r => Assert.Equal("", r.FirstLedger));
        Assert.All(reports, r => Assert.Equal(reports.First(f => f.Cursor.Step == r.Cursor.Step).Ledger, r.Ledger));
        Assert.Equal(6, reports.Select(r => r.Ledger).Distinct().Count());
    }

    private static Contribution Contribution(Cursor cursor) => new()
    {
        JobId = "job",
        Cursor = cursor,
        WorkerId = "w",
        Reports = [new SlotReport { Slot = 0, Samples = 1, LossSum = 1, ChunkHashes = new ulong[new ModelLayout(StubGradients.Job(1, 4, 6).Tensors, 1).Chunks.Count] }],
        Chunks = [],
    };

    /// <summary>A disk on which the first deletion of a manifest takes as long as a test wants.</summary>
    private sealed class HeldDeletions : ICheckpointFiles
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _released = new();
        private int _deleted;

        public Task Begun => _begun.Task;
        public int Deleted => Volatile.Read(ref _deleted);

        public void Release() => _released.Set();
        public void CreateDirectory(string path) => CheckpointFiles.Disk.CreateDirectory(path);
        public Stream Create(string path) => CheckpointFiles.Disk.Create(path);
        public Stream Open(string path) => CheckpointFiles.Disk.Open(path);
        public void Sync(string path) => CheckpointFiles.Disk.Sync(path);
        public void Replace(string from, string to) => CheckpointFiles.Disk.Replace(from, to);

        public void Delete(string path)
        {
            _begun.TrySetResult();
            Assert.True(_released.Wait(HostedCluster.Patience, CancellationToken.None));
            CheckpointFiles.Disk.Delete(path);
            Interlocked.Increment(ref _deleted);
        }

        public void DeleteDirectory(string path) => CheckpointFiles.Disk.DeleteDirectory(path);
    }

    /// <summary>Takes nothing.</summary>
    private sealed class FullDisk : ICheckpointFiles
    {
        public void CreateDirectory(string path)
        {
        }

        public Stream Create(string path) => throw Full();
        public Stream Open(string path) => throw Full();
        public void Sync(string path) => throw Full();
        public void Replace(string from, string to) => throw Full();

        public void Delete(string path)
        {
        }

        public void DeleteDirectory(string path)
        {
        }

        private static IOException Full() => new("There is no room.");
    }
}

using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Checkpoints;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Hosting;
using Lockstep.ParameterServer.Tests.Hosting;

namespace Lockstep.ParameterServer.Tests.Steps;

/// <summary>A worker may have a version, and evaluate it, before all shards have announced it. The reports keep the order of what they tell of.</summary>
public sealed class EvaluationOrderTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_step_is_reported_before_the_evaluation_of_what_it_made()
    {
        JobDescriptor job = Job(steps: 3);
        var late = new LateShard(version: 2);
        await using var cluster = new HostedCluster(2, toFirst: late.Before);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: 2);
        Evaluate(cluster.Hosts[0], new Cursor(0, 2, Cursor.Evaluation));
        late.Release();
        IReadOnlyList<StepReport> reports = await cluster.Hosts[0].WatchAsync(job.JobId, 0, Cancellation).Take(3).ToListAsync(Cancellation);
        Assert.Equal([(0, false), (1, false), (2, true)], reports.Select(r => (r.Cursor.Step, r.Cursor.Attempt == Cursor.Evaluation)));
    }

    [Fact]
    public async Task A_job_does_not_end_before_its_last_step_is_reported()
    {
        JobDescriptor job = Job(steps: 2);
        var late = new LateShard(version: 2);
        await using var cluster = new HostedCluster(2, toFirst: late.Before);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job);
        await late.LastCheckpoint.WaitAsync(HostedCluster.Patience, Cancellation);
        Evaluate(cluster.Hosts[0], new Cursor(0, 2, Cursor.Evaluation));

        late.Release();
        IReadOnlyList<StepReport> reports = await cluster.ReportsAsync(job);
        Assert.Equal([(0, false), (1, false), (2, true)], reports.Select(r => (r.Cursor.Step, r.Cursor.Attempt == Cursor.Evaluation)));
        Assert.Equal([false, false, true], reports.Select(r => r.Finished));
    }

    public void Dispose() => _folder.Dispose();

    private JobDescriptor Job(int steps) => StubGradients.Job(2, 4, steps) with { CheckpointDirectory = _folder.Path, EvaluationSlots = 1, StepsPerEpoch = 2 };

    private static void Evaluate(ShardHost host, Cursor cursor)
    {
        using var stream = new StubStream(host, "job");
        stream.Evaluate(cursor, 0, new EvaluationPart(1, 1, [], [], []));
    }

    /// <summary>Holds back what a shard announces of one version.</summary>
    private sealed class LateShard(long version)
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _lastCheckpoint = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <value>Ends when the shard's part of that version is on the disk and shard 0 knows it.</value>
        public Task LastCheckpoint => _lastCheckpoint.Task;

        public IShardPeer Before(IShardPeer first) => new Peer(this, first);

        public void Release() => _released.SetResult();

        private sealed class Peer(LateShard late, IShardPeer first) : IShardPeer
        {
            public Task<double> ClipFactorAsync(string jobId, Cursor cursor, int shard, double[] blockSquares, CancellationToken cancellation) =>
                first.ClipFactorAsync(jobId, cursor, shard, blockSquares, cancellation);

            public async Task<bool> AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation)
            {
                if (announcement.Cursor.Step + 1 == late.Version)
                {
                    await late._released.Task.WaitAsync(cancellation);
                }

                return await first.AnnounceAsync(jobId, announcement, cancellation);
            }

            public Task ProgressAsync(string jobId, ShardProgress progress, CancellationToken cancellation) => first.ProgressAsync(jobId, progress, cancellation);

            public async Task CheckpointPartAsync(string jobId, CheckpointNotice notice, CancellationToken cancellation)
            {
                await first.CheckpointPartAsync(jobId, notice, cancellation);
                if (notice.Version == late.Version)
                {
                    late._lastCheckpoint.TrySetResult();
                }
            }

            public Task<long> CheckpointAsync(string jobId, CancellationToken cancellation) => first.CheckpointAsync(jobId, cancellation);
        }

        private long Version => version;
    }
}

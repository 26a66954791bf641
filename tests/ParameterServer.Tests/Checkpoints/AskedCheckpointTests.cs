using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests;
using Lockstep.Core.Tests.Checkpoints;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Hosting;
using Lockstep.ParameterServer.Tests.Hosting;

namespace Lockstep.ParameterServer.Tests.Checkpoints;

/// <summary>A checkpoint that somebody asks for, beside those of the job's policy.</summary>
public sealed class AskedCheckpointTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task It_is_whole_on_all_shards_and_a_run_goes_on_from_it_to_the_same_model(int shards)
    {
        JobDescriptor job = Job(shards);
        await using var cluster = new HostedCluster(shards);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: 1);

        Task<long> asked = cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation);
        Task<long> again = cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation);
        Assert.False(asked.IsCompleted);
        float[] model = await cluster.TrainAsync(job);
        long version = await asked.WaitAsync(HostedCluster.Patience, Cancellation);

        // The shards may have been told of version 1 before anybody asked.
        Assert.InRange(version, 2, 3);
        Assert.Equal(version, await again.WaitAsync(HostedCluster.Patience, Cancellation));
        Assert.Contains(version, CheckpointSet.List(_folder.Path));
        IReadOnlyList<StepReport> reports = await cluster.ReportsAsync(job);
        Assert.Equal([version, job.TotalSteps], reports.Where(r => r.Checkpoint).Select(r => r.Cursor.Step + 1));

        JobDescriptor resumed = job with { JobId = "resumed", ResumeStep = version };
        await using var second = new HostedCluster(shards);
        await second.OpenAsync(resumed);
        Assert.Equal(Floats.Bits(model), Floats.Bits(await second.TrainAsync(resumed)));
    }

    [Fact]
    public async Task Every_one_that_is_asked_for_is_another()
    {
        JobDescriptor job = Job(2);
        await using var cluster = new HostedCluster(2);
        await cluster.OpenAsync(job);
        var versions = new List<long>();
        for (long step = 1; step < job.TotalSteps - 2; step += 2)
        {
            await cluster.TrainAsync(job, until: step);
            Task<long> asked = cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation);
            await cluster.TrainAsync(job, until: step + 2);
            versions.Add(await asked.WaitAsync(HostedCluster.Patience, Cancellation));
        }

        Assert.Equal(versions.Distinct(), versions);
        Assert.Equal(2, versions.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_job_that_stands_still_is_kept_where_it_stands(int shards)
    {
        JobDescriptor job = Job(shards);
        await using var cluster = new HostedCluster(shards);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: 2);
        Assert.All(await Task.WhenAll(cluster.Hosts.Select(host => host.KeepAsync(job.JobId, 1))), Assert.False);
        Assert.All(await Task.WhenAll(cluster.Hosts.Select(host => host.KeepAsync(job.JobId, 3))), Assert.False);
        // The version is there before its shard has told all of it; who asks meanwhile asks again. The same again changes nothing.
        foreach (ShardHost host in cluster.Hosts)
        {
            while (!await host.KeepAsync(job.JobId, 2))
            {
                Cancellation.ThrowIfCancellationRequested();
                await Task.Yield();
            }

            Assert.True(await host.KeepAsync(job.JobId, 2));
        }

        Assert.True(SpinWait.SpinUntil(() => cluster.Hosts[0].Status(job.JobId).DurableVersion == 2, HostedCluster.Patience));
        float[] model = await cluster.TrainAsync(job);

        JobDescriptor resumed = job with { JobId = "resumed", ResumeStep = 2 };
        await using var second = new HostedCluster(shards);
        await second.OpenAsync(resumed);
        Assert.Equal(Floats.Bits(model), Floats.Bits(await second.TrainAsync(resumed)));
    }

    [Fact]
    public async Task At_the_end_it_is_the_last_version()
    {
        JobDescriptor job = Job(2);
        await using var cluster = new HostedCluster(2);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: job.TotalSteps - 1);
        Task<long> asked = cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation);
        await cluster.TrainAsync(job);
        Assert.Equal(job.TotalSteps, await asked.WaitAsync(HostedCluster.Patience, Cancellation));
        await cluster.ReportsAsync(job);
        Assert.Equal(job.TotalSteps, await cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation));
    }

    [Fact]
    public async Task Who_asks_is_told_that_the_disk_does_not_take_it()
    {
        JobDescriptor job = Job(1);
        await using var cluster = new HostedCluster(1);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: 1);
        Task<long> asked = cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation);
        // A file where the folder of the set would be.
        foreach (long version in new long[] { 2, 3 })
        {
            await File.WriteAllTextAsync(CheckpointSet.DirectoryOf(_folder.Path, version), "", Cancellation);
        }

        await cluster.TrainAsync(job, until: 4);
        ProtocolException refused = await Assert.ThrowsAsync<ProtocolException>(() => asked.WaitAsync(HostedCluster.Patience, Cancellation));
        Assert.Equal(ProtocolError.Checkpoint, refused.Error);
        Assert.Contains("Free space or correct the rights, then ask again.", refused.Message, StringComparison.Ordinal);
        // Training went on, and the next one that is asked for is written.
        Task<long> next = cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation);
        await cluster.TrainAsync(job);
        Assert.InRange(await next.WaitAsync(HostedCluster.Patience, Cancellation), 5, job.TotalSteps);
    }

    [Fact]
    public async Task Who_asks_is_told_that_the_job_was_closed()
    {
        JobDescriptor job = Job(1);
        await using var cluster = new HostedCluster(1);
        await cluster.OpenAsync(job);
        Task<long> asked = cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation);
        await cluster.Hosts[0].CloseAsync(job.JobId, Cancellation);
        ProtocolException refused = await Assert.ThrowsAsync<ProtocolException>(() => asked.WaitAsync(HostedCluster.Patience, Cancellation));
        Assert.Equal(ProtocolError.UnknownJob, refused.Error);
    }

    [Fact]
    public async Task What_was_asked_for_outlives_a_return_to_a_checkpoint()
    {
        JobDescriptor job = Job(2);
        await using var cluster = new HostedCluster(2);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: 2);
        Assert.True(SpinWait.SpinUntil(() => cluster.Hosts[0].Status(job.JobId).DurableVersion == 0, HostedCluster.Patience));
        Task<long> asked = cluster.Hosts[0].CheckpointAsync(job.JobId, Cancellation);
        foreach (ShardHost host in cluster.Hosts)
        {
            await host.RestoreAsync(job, term: 1, generation: 1, version: 0, Cancellation);
        }

        Assert.False(asked.IsCompleted);
        await cluster.TrainAsync(job);
        Assert.InRange(await asked.WaitAsync(HostedCluster.Patience, Cancellation), 2, 3);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Nothing is kept but what is asked for, and the last version.</summary>
    private JobDescriptor Job(int shards) => StubGradients.Job(shards, 4, 6) with { CheckpointDirectory = _folder.Path, CheckpointEvery = 0, CheckpointKeep = 10 };
}

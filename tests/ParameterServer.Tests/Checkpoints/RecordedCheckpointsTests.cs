using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Hashing;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Checkpoints;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Hosting;
using Lockstep.ParameterServer.Tests.Hosting;

namespace Lockstep.ParameterServer.Tests.Checkpoints;

/// <summary>A checkpoint knows the lines of the ledger that it was cut after.</summary>
public sealed class RecordedCheckpointsTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();
    private readonly RunFolder _run;

    public RecordedCheckpointsTests() => _run = new RunFolder(_folder.Path);

    private JobDescriptor Job => StubGradients.Job(2, 4, 8) with { CheckpointDirectory = _run.Checkpoints, CheckpointEvery = 2, CheckpointKeep = 10 };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_digest_is_that_of_the_ledger_through_resuming_and_restoring()
    {
        string[] hashes = await TrainAsync(Job);
        Assert.Equal(8, hashes.Length);
        AssertDigests(hashes);

        Directory.Delete(CheckpointSet.DirectoryOf(_run.Checkpoints, 6), recursive: true);
        Directory.Delete(CheckpointSet.DirectoryOf(_run.Checkpoints, 8), recursive: true);
        Assert.Equal(hashes[4..], await TrainAsync(Job with { ResumeStep = 4 }));
        AssertDigests(hashes);

        Directory.Delete(_run.Checkpoints, recursive: true);
        Assert.Equal(hashes, await TrainAsync(Job, restoreAt: 5));
        AssertDigests(hashes);
    }

    [Theory]
    [InlineData(1, "Lines 1 to 2 were altered: the checkpoint of step 2")]
    [InlineData(2, "Lines 1 to 2 were altered: the checkpoint of step 2")]
    [InlineData(5, "Lines 5 to 6 were altered: the checkpoint of step 6")]
    [InlineData(8, "Lines 7 to 8 were altered: the checkpoint of step 8")]
    public async Task A_line_that_was_altered_in_front_of_a_checkpoint_is_told(int altered, string told)
    {
        string[] hashes = await TrainAsync(Job);
        Write(hashes);
        Assert.Equal(8, RecordedCheckpoints.TakeNewest(_run, "run").Version);
        hashes[altered - 1] = new string('a', 32);
        Write(hashes);

        InputException refusal = Assert.Throws<InputException>(() => RecordedCheckpoints.TakeNewest(_run, "run"));

        Assert.Contains(told, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("ledger.jsonl", refusal.Message, StringComparison.Ordinal);
        Assert.Equal([0, 2, 4, 6, 8], CheckpointSet.List(_run.Checkpoints));
    }

    [Fact]
    public async Task A_line_beyond_the_newest_checkpoint_is_left_to_who_computes_it_again()
    {
        string[] hashes = await TrainAsync(Job);
        Directory.Delete(CheckpointSet.DirectoryOf(_run.Checkpoints, 8), recursive: true);
        hashes[6] = new string('a', 32);
        Write(hashes);

        Assert.Equal(6, RecordedCheckpoints.TakeNewest(_run, "run").Version);
    }

    private void Write(string[] hashes) => File.WriteAllLines(_run.Ledger, hashes.Select((hash, index) => new LedgerLine(index + 1, hash).ToJson()));

    private void AssertDigests(string[] hashes)
    {
        var digest = new LedgerDigest();
        for (int version = 0; version <= hashes.Length; version++)
        {
            if (version > 0)
            {
                digest.Add(hashes[version - 1]);
            }

            if (version % 2 == 0)
            {
                Assert.Equal(digest.ToString(), CheckpointSet.LedgerOf(_run.Checkpoints, version));
            }
        }
    }

    /// <returns>The lines of the ledger, by step.</returns>
    private static async Task<string[]> TrainAsync(JobDescriptor job, long? restoreAt = null)
    {
        await using var cluster = new HostedCluster(2);
        await cluster.OpenAsync(job);
        if (restoreAt is { } at)
        {
            await cluster.TrainAsync(job, until: at);
            Assert.True(SpinWait.SpinUntil(() => CheckpointSet.List(job.CheckpointDirectory).Contains(2), HostedCluster.Patience), "The set of step 2 is not whole.");
            foreach (ShardHost host in cluster.Hosts)
            {
                await host.RestoreAsync(job, 1, 1, 2, TestContext.Current.CancellationToken);
            }
        }

        await cluster.TrainAsync(job);
        return [.. (await cluster.ReportsAsync(job)).Where(r => r.Ledger.Length > 0).GroupBy(r => r.Cursor.Step).OrderBy(step => step.Key).Select(step => Assert.Single(step.Select(r => r.Ledger).Distinct()))];
    }
}

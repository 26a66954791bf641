using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;

namespace Lockstep.Worker.Tests.Disturbances;

/// <summary>A shard that lost a job: its workers wait, and go on from the newest checkpoint with the quiet run's ledger.</summary>
public sealed class LostShardTests
{
    private static readonly StubJob Job = Cases.All["everything"] with { CheckpointEvery = 3 };

    public static TheoryData<int, long> Losses => new(from shard in new[] { 0, 1, 2 } from step in new long[] { 1, 5 } select (shard, step));

    [Theory]
    [MemberData(nameof(Losses))]
    public async Task Workers_wait_for_a_shard_that_lost_the_job_and_go_on_from_the_newest_checkpoint(int shard, long step)
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 3, folder.Path, new FastTime(50));
        long newest = step == 1 ? 0 : 3;
        var first = new Gate();
        var lost = new Gate();
        IWire wire = new ScriptedWire(async (message, cancellation) =>
        {
            if (message.Kind != MessageKind.Contribution || message.Cursor.Generation > 0 || message.Cursor.Step != step)
            {
                return;
            }

            if (!first.Open())
            {
                await lost.WaitAsync(cancellation);
                return;
            }

            // Checkpoints are written beside the training.
            while (!CheckpointSet.List(folder.Path).Contains(newest))
            {
                await Task.Delay(1, cancellation);
            }

            await swarm.Cluster.Hosts[shard].CloseAsync(StubJob.Id, default);
            lost.Open();
        });
        Member[] members = [.. new[] { "a", "b" }.Select(name => swarm.Hire(name, wire).Start())];

        await lost.WaitAsync(swarm.End);
        RestoredJob restored = await ShardRecovery.RunAsync(swarm.Cluster.Shards, swarm.Descriptor, term: 1, lastGeneration: 0, swarm.End);
        Assert.Equal(newest, restored.Version);

        Assert.All(await Task.WhenAll(members.Select(m => m.Run)), Assert.True);
        IReadOnlyList<string> quiet = await QuietRun.LedgerAsync(Job);
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.All(Ledger.Of(reports), line => Assert.Contains(line, quiet));
        // Steps come again from the checkpoint on; an evaluation that was reported does not.
        IReadOnlyList<string> before = Ledger.Of(reports.Where(r => r.Cursor is { Generation: 0, Attempt: Cursor.Evaluation }));
        Assert.Equal(step == 5, before.Count > 0);
        Ledger.Equal("from the checkpoint", quiet.SkipWhile(line => !line.StartsWith($"{restored.Version} ", StringComparison.Ordinal)).Except(before), Ledger.Of(reports.Where(r => r.Cursor.Generation > 0)));
    }
}

using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;

namespace Lockstep.Worker.Tests.Disturbances;

/// <summary>A shard that lost a job: its workers wait without computing in vain, and go on from the newest checkpoint with the quiet run's ledger.</summary>
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
        var held = new Gate();
        var first = new Gate();
        var lost = new Gate();
        var released = new Gate();
        var waiting = new Gate();
        int computed = 0;
        int asked = 0;
        IWire wire = new ScriptedWire(
            async (message, cancellation) =>
            {
                if (message.Kind == MessageKind.Push && message.Cursor.Step == step && first.Open())
                {
                    // Checkpoints are written beside the training.
                    while (!CheckpointSet.List(folder.Path).Contains(newest))
                    {
                        await Task.Delay(1, cancellation);
                    }

                    await swarm.Cluster.Hosts[shard].CloseAsync(StubJob.Id, default);
                    lost.Open();
                }
                else if (message.Kind == MessageKind.Push && message.Cursor.Step == step)
                {
                    await lost.WaitAsync(cancellation);
                }
                else if (message is { Kind: MessageKind.Missing, Shard: 0, Worker: "slow" } && message.Cursor.Step == step && Interlocked.Increment(ref asked) == 2)
                {
                    waiting.Open();
                }
            },
            (message, _) =>
            {
                if (message.Kind == MessageKind.Release)
                {
                    released.Open();
                }

                return Task.CompletedTask;
            });
        // One worker is still computing when the other hands its slots back, and is leased them.
        Member fast = swarm.Hire("fast", wire, job => new StubTrainer(job, (at, _) =>
        {
            if (at == step)
            {
                held.Wait(swarm.End);
            }
        })).Start();
        Member slow = swarm.Hire("slow", wire, job => new StubTrainer(job, (at, _) =>
        {
            if (at == step)
            {
                held.Open();
                released.Wait(swarm.End);
                Interlocked.Increment(ref computed);
            }
        })).Start();

        await lost.WaitAsync(swarm.End);
        await waiting.WaitAsync(swarm.End);
        // Its own first slot, one that was handed back and, at most, one each time that it asked while it waited.
        int inVain = computed;
        Assert.InRange(inVain, 1, 2 + asked);
        RestoredJob restored = await ShardRecovery.RunAsync(swarm.Cluster.Shards, swarm.Descriptor, term: 1, lastGeneration: 0, swarm.End);
        Assert.Equal(newest, restored.Version);

        Assert.True(await fast.Run);
        Assert.True(await slow.Run);
        IReadOnlyList<string> quiet = await QuietRun.LedgerAsync(Job);
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.All(Ledger.Of(reports), line => Assert.Contains(line, quiet));
        // Steps come again from the checkpoint on; an evaluation that was reported does not.
        IReadOnlyList<string> before = Ledger.Of(reports.Where(r => r.Cursor is { Generation: 0, Attempt: Cursor.Evaluation }));
        Assert.Equal(step == 5, before.Count > 0);
        Ledger.Equal("from the checkpoint", quiet.SkipWhile(line => !line.StartsWith($"{restored.Version} ", StringComparison.Ordinal)).Except(before), Ledger.Of(reports.Where(r => r.Cursor.Generation > 0)));
    }
}

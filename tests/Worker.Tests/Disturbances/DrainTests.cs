using Lockstep.Core.Protocol;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;

namespace Lockstep.Worker.Tests.Disturbances;

/// <summary>A worker that is asked to leave loses nothing: what it computed counts, and what it had leased is free at once.</summary>
public sealed class DrainTests
{
    private static readonly StubJob Job = Cases.All["buffers"];

    public static TheoryData<string> Moments => new(from kind in LostWorkerTests.Kinds where kind is not (MessageKind.Open or MessageKind.Initialize or MessageKind.Chunk) select $"{kind}");

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task A_drained_worker_leaves_nothing_to_be_computed_twice(string kind)
    {
        // No lease runs out and none is overdue: a slot that was lost would never come.
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, new FastTime(50));
        var asked = new Gate();
        var held = new Gate();
        int computed = 0;
        Member? leaver = null;
        leaver = swarm.Hire("leaver", new ScriptedWire((message, _) =>
        {
            if ($"{message.Kind}" == kind && LostWorkerTests.IsTime(message) && asked.Open())
            {
                leaver!.Drain();
            }

            return Task.CompletedTask;
        }), Trainer(waits: false));
        Member other = swarm.Hire("other", trainer: Trainer(waits: true));
        leaver.Start();
        other.Start();

        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.True(asked.IsOpen, "The leaver never sent such a message.");
        Assert.True(await other.Run);
        Assert.False(await leaver.Run);
        Ledger.Equal(kind, await QuietRun.LedgerAsync(Job), Ledger.Of(reports));
        LeaseCounts counts = await swarm.Leases.CountAsync(swarm.End);
        Assert.Equal((0, 0), (counts.Expired, counts.Speculative));
        // Each slot once in each step.
        Assert.Equal(Job.Slots * Job.TotalSteps, computed);

        Func<StubJob, StubTrainer> Trainer(bool waits) => job => new StubTrainer(job, (step, _) =>
        {
            Interlocked.Increment(ref computed);
            if (step == 2 && kind is not ("ReportEvaluation" or "WaitEvaluated"))
            {
                // The other one has a slot, and keeps it until the leaver was asked.
                if (waits)
                {
                    held.Open();
                }

                (waits ? asked : held).Wait(swarm.End);
            }
        }, () =>
        {
            if (waits)
            {
                asked.Wait(swarm.End);
            }
        });
    }
}

using Lockstep.Core.Protocol;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Disturbances;

/// <summary>A worker that is asked to leave loses nothing: what it computed counts, and what it was granted is free at once.</summary>
public sealed class DrainTests
{
    // Each of two workers has one slot, so that none is taken from the other.
    private static readonly StubJob Job = Cases.All["buffers"] with { Slots = 2 };

    public static TheoryData<string> Moments => new(from kind in LostWorkerTests.Kinds where kind is not (MessageKind.Open or MessageKind.Initialize or MessageKind.Connect) select $"{kind}");

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task A_drained_worker_leaves_nothing_to_be_computed_twice(string kind)
    {
        // Nothing is ever overdue: a slot that was lost would never come.
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, new FakeTimeProvider());
        using var meeting = new Meeting(2, 0, swarm.End);
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
        Assert.True(asked.IsOpen, "The leaver never sent or got such a message.");
        Assert.True(await other.Run);
        Assert.False(await leaver.Run);
        Ledger.Equal(kind, await QuietRun.LedgerAsync(Job), Ledger.Of(reports));
        // In the first step they come one after the other, and one may compute what the other is granted then.
        Assert.Equal(Job.Slots * (Job.TotalSteps - 1), computed);

        Func<StubJob, StubTrainer> Trainer(bool waits)
        {
            Action<long, int> meet = meeting.Member();
            return job => new StubTrainer(job, (step, slot) =>
            {
                meet(step, slot);
                Interlocked.Add(ref computed, step > 0 ? 1 : 0);
                if (step == 2 && kind != "Evaluation")
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
}

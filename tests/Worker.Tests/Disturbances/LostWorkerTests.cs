using Lockstep.Core.Protocol;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Disturbances;

/// <summary>Workers that leave in the middle of anything: the others end the job with the quiet run's ledger.</summary>
public sealed class LostWorkerTests
{
    private const long Step = 2;
    private const long Evaluated = 4;

    private static readonly StubJob Job = Cases.All["everything"];

    internal static readonly MessageKind[] Kinds =
    [
        MessageKind.Open, MessageKind.Initialize, MessageKind.Connect, MessageKind.Turn, MessageKind.Grant, MessageKind.Progress, MessageKind.Contribution, MessageKind.Chunk,
        MessageKind.Answer, MessageKind.Idle, MessageKind.Evaluation,
    ];

    public static TheoryData<string, bool, bool> Moments => new(from kind in Kinds from after in new[] { false, true } from killed in new[] { false, true } where kind != MessageKind.Connect || !after select ($"{kind}", after, killed));

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task A_worker_that_is_aborted_or_killed_at_any_message_changes_nothing(string kind, bool after, bool killed)
    {
        using var folder = new TemporaryFolder();
        // Nothing is ever overdue: what the victim had is free because its streams ended.
        await using var swarm = new Swarm(Job, 2, folder.Path, new FakeTimeProvider());
        var held = new Gate();
        var lost = new Gate();
        Member? victim = null;
        victim = swarm.Hire("victim", new ScriptedWire(
            (message, _) => Meet(message, isAfter: false),
            (message, _) => Meet(message, isAfter: true)), job => new StubTrainer(job, (step, _) => Wait(IsHeld(step), held)));
        // The other one waits with its first slot, so that the victim comes to wait, too.
        Member other = swarm.Hire("other", trainer: job => new StubTrainer(job, (step, _) =>
        {
            if (step == Step)
            {
                held.Open();
            }

            Wait(IsHeld(step), lost);
        }, () => Wait(true, lost)));
        victim.Start();
        other.Start(kind is "Open" or "Initialize" or "Connect" ? lost.WaitAsync(swarm.End) : Task.CompletedTask);

        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.True(lost.IsOpen, "The victim never sent such a message.");
        Assert.True(await other.Run);
        Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => victim.Run);
        Assert.True(killed ? failure is KilledException : failure is OperationCanceledException, failure.ToString());
        Ledger.Equal($"{kind}", await QuietRun.LedgerAsync(Job), Ledger.Of(reports));

        Task Meet(Message message, bool isAfter)
        {
            if (killed && lost.IsOpen)
            {
                throw new KilledException();
            }

            if ($"{message.Kind}" == kind && isAfter == after && IsTime(message) && lost.Open())
            {
                if (killed)
                {
                    throw new KilledException();
                }

                victim!.Abort();
                throw new OperationCanceledException();
            }

            return Task.CompletedTask;
        }

        bool IsHeld(long step) => step == Step && kind != "Evaluation";

        void Wait(bool isTime, Gate gate)
        {
            if (isTime && kind is not ("Open" or "Initialize" or "Connect"))
            {
                gate.Wait(swarm.End);
            }
        }
    }

    [Fact]
    public async Task A_shard_that_stayed_behind_with_its_workers_gone_is_helped_on_by_a_new_one()
    {
        StubJob job = Cases.All["adam"];
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(job, 2, folder.Path, new FastTime(50));
        var killed = new Gate();
        Member gone = swarm.Hire("gone", new ScriptedWire(async (message, cancellation) =>
        {
            if (message is { Kind: MessageKind.Contribution, Shard: 1, Cursor.Step: Step })
            {
                // Shard 0 has it all and moves on.
                while (swarm.Cluster.Hosts[0].Jobs[StubJob.Id].Step == Step)
                {
                    await Task.Delay(1, cancellation);
                }

                killed.Open();
            }

            if (killed.IsOpen)
            {
                throw new KilledException();
            }
        }), tolerant: true).Start();
        await Assert.ThrowsAsync<KilledException>(() => gone.Run);
        Assert.Equal((Step + 1, Step), (swarm.Cluster.Hosts[0].Jobs[StubJob.Id].Step, swarm.Cluster.Hosts[1].Jobs[StubJob.Id].Step));

        int turnedBack = 0;
        Member next = swarm.Hire("next", new ScriptedWire((message, _) =>
        {
            turnedBack += message is { Kind: MessageKind.Turn, Shard: 0, Cursor.Step: Step } ? 1 : 0;
            return Task.CompletedTask;
        })).Start();
        Ledger.Equal("behind", await QuietRun.LedgerAsync(job), Ledger.Of(await swarm.WatchAsync()));
        Assert.True(await next.Run);
        Assert.True(turnedBack > 0, "The new worker was not offered the version before.");
    }

    [Fact]
    public async Task All_workers_gone_then_a_new_one()
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 3, folder.Path, new FastTime(50));
        var killed = new Gate();
        // All die at the first push of this step.
        IWire wire = new ScriptedWire((message, _) =>
        {
            if (message is { Kind: MessageKind.Contribution, Cursor.Step: Step })
            {
                killed.Open();
            }

            return killed.IsOpen ? Task.FromException(new KilledException()) : Task.CompletedTask;
        });
        Member[] gone = [.. Enumerable.Range(0, 3).Select(w => swarm.Hire($"w{w}", wire, tolerant: true).Start())];
        foreach (Member member in gone)
        {
            await killed.WaitAsync(swarm.End);
            member.Abort();
            await Assert.ThrowsAnyAsync<Exception>(() => member.Run);
        }

        Member next = swarm.Hire("next").Start();
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.True(await next.Run);
        Ledger.Equal("all gone", await QuietRun.LedgerAsync(Job), Ledger.Of(reports));
        Assert.All(reports.Where(r => r.Cursor.Step > Step), r => Assert.All(r.SlotWorkers, w => Assert.Equal("next", w)));
    }

    /// <summary>Messages that only an early moment or an evaluation has are met there, others in the middle of a step.</summary>
    internal static bool IsTime(Message message) => message.Kind switch
    {
        MessageKind.Open or MessageKind.Initialize or MessageKind.Connect => true,
        MessageKind.Evaluation => message.Cursor.Step == Evaluated,
        _ => message.Cursor.Step == Step,
    };
}

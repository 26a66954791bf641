using Lockstep.Core.Protocol;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;

namespace Lockstep.Worker.Tests.Disturbances;

/// <summary>A worker that is frozen until others have done its work, and thaws: what it then sends changes nothing, and is counted as what it is.</summary>
public sealed class FrozenWorkerTests
{
    private const long Step = 2;

    private static readonly StubJob Job = Cases.All["buffers"] with { Slots = 3 };

    [Fact]
    public async Task A_push_after_its_step_is_done_is_stale()
    {
        var thaw = new Gate();
        var frozen = new Gate();
        var answered = new Gate();
        IReadOnlyList<StepReport> reports = await RunAsync(
            async (message, cancellation) =>
            {
                if (message is { Kind: MessageKind.Push, Cursor.Step: Step, Worker: "victim" } && !thaw.IsOpen)
                {
                    frozen.Open();
                    await thaw.WaitAsync(cancellation);
                }
                else if (message is { Kind: MessageKind.Advance, Cursor.Step: Step + 1 })
                {
                    // The victim's late push comes while the next step is open.
                    thaw.Open();
                }
                else if (message is { Kind: MessageKind.Push, Cursor.Step: Step + 1 } && frozen.IsOpen)
                {
                    await answered.WaitAsync(cancellation);
                }
            },
            (message, _) =>
            {
                if (message is { Kind: MessageKind.Push, Cursor.Step: Step, Worker: "victim" })
                {
                    answered.Open();
                }

                return Task.CompletedTask;
            },
            workers: ["victim", "other"],
            meet: true);
        Assert.True(frozen.IsOpen);
        Assert.True(reports.Sum(r => r.Stale) > 0, "Nothing came late.");
        Assert.DoesNotContain("victim", reports.Single(r => r.Cursor is { Step: Step, Attempt: >= 0 }).SlotWorkers);
    }

    [Fact]
    public async Task Of_a_group_two_of_whose_slots_were_taken_over_the_third_comes_alone()
    {
        var frozen = new Gate();
        var thaw = new Gate();
        var answered = new Gate();
        int taken = 0;
        int late = 0;
        IReadOnlyList<StepReport> reports = await RunAsync(
            async (message, cancellation) =>
            {
                switch (message)
                {
                    case { Worker: "victim", Kind: MessageKind.Push, Cursor.Step: Step } when !thaw.IsOpen:
                        Assert.Equal([0, 1, 2], message.Slots);
                        frozen.Open();
                        await thaw.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.Advance, Cursor: { Step: Step, Attempt: >= 0 } }:
                        // The victim has all slots of this step.
                        await frozen.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.TakeOver, Cursor.Step: Step } when taken == 2:
                        thaw.Open();
                        await answered.WaitAsync(cancellation);
                        break;
                }
            },
            (message, _) =>
            {
                taken += message is { Worker: "other", Kind: MessageKind.Push, Cursor.Step: Step, Shard: 0 } ? 1 : 0;
                if (message is { Worker: "victim", Kind: MessageKind.Push, Cursor.Step: Step, Slots.Count: 3 } && Interlocked.Increment(ref late) == 2)
                {
                    answered.Open();
                }

                return Task.CompletedTask;
            },
            workers: ["victim", "other"]);
        StepReport step = reports.Single(r => r.Cursor is { Step: Step, Attempt: >= 0 });
        Assert.Equal(1, step.Refused);
        Assert.Equal(["other", "other"], step.SlotWorkers.Take(2));
        Assert.Equal([1, 1, 1], step.GroupSizes);
    }

    [Fact]
    public async Task A_slot_that_another_brought_meanwhile_is_a_duplicate()
    {
        var thaw = new Gate();
        var end = new Gate();
        var frozen = new Gate();
        var blocked = new Gate();
        var over = new Gate();
        string? victim = null;
        string? blocker = null;
        int brought = 0;
        int answered = 0;
        int last = 0;
        // Each of the three has one slot: 0's worker freezes, 1's takes over, 2's keeps the step open. Slot 2 is completed after slot 0, so that slot 0 is overdue first.
        IReadOnlyList<StepReport> reports = await RunAsync(
            async (message, cancellation) =>
            {
                if (message is { Kind: MessageKind.Push, Cursor.Step: Step } && message.Slots[0] == 0 && (Interlocked.CompareExchange(ref victim, message.Worker, null) ?? message.Worker) == message.Worker)
                {
                    frozen.Open();
                    await thaw.WaitAsync(cancellation);
                }
                else if (message is { Kind: MessageKind.Push, Cursor.Step: Step } && message.Slots[0] == 2 && (Interlocked.CompareExchange(ref blocker, message.Worker, null) ?? message.Worker) == message.Worker)
                {
                    blocked.Open();
                    await end.WaitAsync(cancellation);
                }
                else if (message is { Kind: MessageKind.Complete, Cursor.Step: Step } && message.Slots[0] == 2)
                {
                    await frozen.WaitAsync(cancellation);
                }
                else if (message is { Kind: MessageKind.TakeOver, Cursor.Step: Step })
                {
                    await (brought >= 2 ? over : blocked).WaitAsync(cancellation);
                }
            },
            (message, _) =>
            {
                if (message is { Kind: MessageKind.Push, Cursor.Step: Step } && message.Slots[0] == 0)
                {
                    if (message.Worker != victim)
                    {
                        // To both shards.
                        if (Interlocked.Increment(ref brought) == 2)
                        {
                            thaw.Open();
                        }
                    }
                    else if (Interlocked.Increment(ref answered) == 2)
                    {
                        end.Open();
                    }
                }
                else if (message is { Kind: MessageKind.Push, Cursor.Step: Step } && message.Worker == blocker && Interlocked.Increment(ref last) == 2)
                {
                    over.Open();
                }

                return Task.CompletedTask;
            },
            workers: ["a", "b", "c"],
            meet: true);
        StepReport step = reports.Single(r => r.Cursor is { Step: Step, Attempt: >= 0 });
        Assert.Equal((1, 0), (step.Duplicate, step.Mismatched));
        Assert.NotEqual(victim, step.SlotWorkers[0]);
    }

    [Fact]
    public async Task Slots_of_an_evaluation_are_taken_over_and_the_late_report_does_not_count()
    {
        var frozen = new Gate();
        var done = new Gate();
        var late = new Gate();
        IReadOnlyList<StepReport> reports = await RunAsync(
            async (message, cancellation) =>
            {
                if (message is { Worker: "victim", Kind: MessageKind.ReportEvaluation, Cursor.Step: 4 } && frozen.Open())
                {
                    await done.WaitAsync(cancellation);
                }
                else if (message is { Worker: "other", Kind: MessageKind.Advance, Cursor: { Step: 4, Attempt: Cursor.Evaluation } })
                {
                    await frozen.WaitAsync(cancellation);
                }
            },
            async (message, cancellation) =>
            {
                if (message is { Worker: "other", Kind: MessageKind.WaitEvaluated, Cursor.Step: 4 })
                {
                    done.Open();
                    await late.WaitAsync(cancellation);
                }
                else if (message is { Worker: "victim", Kind: MessageKind.ReportEvaluation, Cursor.Step: 4 } && done.IsOpen)
                {
                    late.Open();
                }
            },
            workers: ["victim", "other"]);
        Assert.True(late.IsOpen);
        StepReport evaluation = reports.Single(r => r.Cursor is { Step: 4, Attempt: Cursor.Evaluation });
        Assert.All(evaluation.SlotWorkers, w => Assert.Equal("other", w));
    }

    private static async Task<IReadOnlyList<StepReport>> RunAsync(Func<Message, CancellationToken, Task> before, Func<Message, CancellationToken, Task>? after, string[] workers, bool meet = false)
    {
        var time = new FastTime(50);
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, time, new LeaseTable(time, TimeSpan.FromSeconds(30)));
        using var meeting = new Meeting(workers.Length, Step, swarm.End);
        Member[] members = [.. workers.Select(name => swarm.Hire(name, new ScriptedWire(before, after), job => new StubTrainer(job, meet ? meeting.Member() : null)).Start())];
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.All(await Task.WhenAll(members.Select(m => m.Run)), Assert.True);
        Ledger.Equal("frozen", await QuietRun.LedgerAsync(Job), Ledger.Of(reports));
        return reports;
    }
}

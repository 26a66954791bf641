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
        var frozen = new Gate();
        var thaw = new Gate();
        var answered = new Gate();
        int answers = 0;
        IReadOnlyList<StepReport> reports = await RunAsync(
            async (message, cancellation) =>
            {
                switch (message)
                {
                    case { Worker: "victim", Kind: MessageKind.Contribution, Cursor.Step: Step }:
                        frozen.Open();
                        await thaw.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.Connect }:
                        // The victim has all slots of the step.
                        await frozen.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.Grant, Cursor.Step: Step + 1 }:
                        // The victim's late push comes while the next step is open.
                        thaw.Open();
                        await answered.WaitAsync(cancellation);
                        break;
                }
            },
            (message, _) =>
            {
                if (message is { Worker: "victim", Kind: MessageKind.Answer } && thaw.IsOpen && Interlocked.Increment(ref answers) == 2)
                {
                    answered.Open();
                }

                return Task.CompletedTask;
            },
            "victim", "other");
        Assert.True(reports.Sum(r => r.Stale) > 0, "Nothing came late.");
        Assert.DoesNotContain("victim", reports.Single(r => r.Cursor is { Step: Step, Attempt: >= 0 }).SlotWorkers);
    }

    [Fact]
    public async Task Of_a_group_two_of_whose_slots_were_brought_by_another_the_third_comes_alone()
    {
        var frozen = new Gate();
        var thaw = new Gate();
        var answered = new Gate();
        int brought = 0;
        int answers = 0;
        IReadOnlyList<StepReport> reports = await RunAsync(
            async (message, cancellation) =>
            {
                switch (message)
                {
                    case { Worker: "victim", Kind: MessageKind.Contribution, Cursor.Step: Step } when !thaw.IsOpen:
                        Assert.Equal([0, 1, 2], message.Slots);
                        frozen.Open();
                        await thaw.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.Connect }:
                        await frozen.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.Grant, Cursor: { Step: Step, Attempt: 0 } } when Interlocked.Increment(ref brought) == 3:
                        thaw.Open();
                        await answered.WaitAsync(cancellation);
                        break;
                }
            },
            (message, _) =>
            {
                if (message is { Worker: "victim", Kind: MessageKind.Answer } && thaw.IsOpen && Interlocked.Increment(ref answers) == 2)
                {
                    answered.Open();
                }

                return Task.CompletedTask;
            },
            "victim", "other");
        StepReport step = reports.Single(r => r.Cursor is { Step: Step, Attempt: >= 0 });
        Assert.Equal(1, step.Refused);
        Assert.Equal(["other", "other"], step.SlotWorkers.Take(2));
        Assert.Equal([1, 1, 1], step.GroupSizes);
    }

    [Fact]
    public async Task A_slot_that_another_brought_meanwhile_is_a_duplicate()
    {
        var frozen = new Gate();
        var thaw = new Gate();
        var answered = new Gate();
        // The victim's push reaches shard 1 only when the other one's is there; shard 0 gets neither before, so that the step stays open.
        IReadOnlyList<StepReport> reports = await RunAsync(
            async (message, cancellation) =>
            {
                switch (message)
                {
                    case { Worker: "victim", Kind: MessageKind.Contribution, Cursor.Step: Step, Shard: 1 } when !thaw.IsOpen:
                        frozen.Open();
                        await thaw.WaitAsync(cancellation);
                        break;
                    case { Worker: "victim", Kind: MessageKind.Contribution, Cursor.Step: Step, Shard: 0 } or { Worker: "other", Kind: MessageKind.Contribution, Cursor.Step: Step, Shard: 0 }:
                        await answered.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.Connect }:
                        await frozen.WaitAsync(cancellation);
                        break;
                }
            },
            (message, _) =>
            {
                switch (message)
                {
                    case { Worker: "other", Kind: MessageKind.Answer, Shard: 1, Cursor.Step: Step }:
                        thaw.Open();
                        break;
                    case { Worker: "victim", Kind: MessageKind.Answer, Shard: 1, Cursor.Step: >= Step } when thaw.IsOpen:
                        answered.Open();
                        break;
                }

                return Task.CompletedTask;
            },
            "victim", "other");
        // Counted by shard 0, where they are in either order.
        StepReport step = reports.Single(r => r.Cursor is { Step: Step, Attempt: >= 0 });
        Assert.Equal(0, step.Mismatched);
        Assert.True(reports.Sum(r => r.Duplicate + r.Stale + r.Refused) > 0, "Nothing came twice.");
    }

    [Fact]
    public async Task Slots_of_an_evaluation_are_brought_by_another_and_the_late_report_does_not_count()
    {
        var frozen = new Gate();
        var done = new Gate();
        var late = new Gate();
        IReadOnlyList<StepReport> reports = await RunAsync(
            async (message, cancellation) =>
            {
                switch (message)
                {
                    case { Worker: "victim", Kind: MessageKind.Evaluation, Cursor.Step: 4 } when !done.IsOpen:
                        frozen.Open();
                        await done.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.Connect }:
                        await frozen.WaitAsync(cancellation);
                        break;
                    case { Worker: "other", Kind: MessageKind.Grant, Cursor: { Step: 4, Attempt: 0 } }:
                        // The evaluation is whole.
                        done.Open();
                        await late.WaitAsync(cancellation);
                        break;
                }
            },
            (message, _) =>
            {
                if (message is { Worker: "victim", Kind: MessageKind.Evaluation, Cursor.Step: 4 })
                {
                    late.Open();
                }

                return Task.CompletedTask;
            },
            "victim", "other");
        StepReport evaluation = reports.Single(r => r.Cursor is { Step: 4, Attempt: Cursor.Evaluation });
        Assert.All(evaluation.SlotWorkers, w => Assert.Equal("other", w));
    }

    private static async Task<IReadOnlyList<StepReport>> RunAsync(Func<Message, CancellationToken, Task> before, Func<Message, CancellationToken, Task>? after, params string[] workers)
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, new FastTime(50));
        Member[] members = [.. workers.Select(name => swarm.Hire(name, new ScriptedWire(before, after)).Start())];
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.All(await Task.WhenAll(members.Select(m => m.Run)), Assert.True);
        Ledger.Equal("frozen", await QuietRun.LedgerAsync(Job), Ledger.Of(reports));
        return reports;
    }
}

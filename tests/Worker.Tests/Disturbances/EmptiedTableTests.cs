using Lockstep.Core.Protocol;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;

namespace Lockstep.Worker.Tests.Disturbances;

public sealed class EmptiedTableTests
{
    private const long Step = 2;

    private static readonly StubJob Job = Cases.All["everything"];

    public static TheoryData<string> Moments => new(from kind in new[] { MessageKind.Advance, MessageKind.Complete, MessageKind.Push, MessageKind.Pushed, MessageKind.Missing, MessageKind.TakeOver } select $"{kind}");

    /// <summary>The worker that has slots is gone, the other one waits, and no lease is left that could run out.</summary>
    [Fact]
    public async Task A_waiting_worker_brings_back_a_table_that_was_emptied()
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, new FastTime(50));
        var leased = new Gate();
        var waits = new Gate();
        var killed = new Gate();
        Member gone = swarm.Hire("gone", new ScriptedWire(async (message, cancellation) =>
        {
            if (message is { Kind: MessageKind.Complete, Cursor: { Step: Step, Attempt: >= 0 } })
            {
                await waits.WaitAsync(cancellation);
                swarm.Leases.Empty();
                killed.Open();
            }

            if (killed.IsOpen)
            {
                throw new KilledException();
            }
        }, (message, _) =>
        {
            if (message is { Kind: MessageKind.Advance, Cursor: { Step: Step, Attempt: >= 0 } })
            {
                leased.Open();
            }

            return Task.CompletedTask;
        })).Start();
        Member other = swarm.Hire("other", new ScriptedWire((message, cancellation) =>
        {
            if (message is { Kind: MessageKind.Missing, Cursor: { Step: Step, Attempt: >= 0 } } && waits.Open())
            {
                return killed.WaitAsync(cancellation);
            }

            return Task.CompletedTask;
        }), job => new StubTrainer(job, Meet)).Start();
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.True(await other.Run);
        await Assert.ThrowsAsync<KilledException>(() => gone.Run);
        Ledger.Equal("emptied", await QuietRun.LedgerAsync(Job), Ledger.Of(reports));

        // Slots are computed only once the one that will be killed has one, too.
        void Meet(long step, int slot)
        {
            if (step == Step)
            {
                leased.Wait(swarm.End);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task A_table_that_is_emptied_at_any_message_changes_nothing(string kind)
    {
        var time = new FastTime(50);
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, time, new LeaseTable(time, TimeSpan.FromSeconds(30)));
        var emptied = new Gate();
        IWire wire = new ScriptedWire((message, _) =>
        {
            if ($"{message.Kind}" == kind && message.Cursor.Step == Step && emptied.Open())
            {
                swarm.Leases.Empty();
            }

            return Task.CompletedTask;
        });
        var held = new Gate();
        Member first = swarm.Hire("first", wire, job => new StubTrainer(job, (step, _) =>
        {
            if (step == Step)
            {
                held.Wait(swarm.End);
            }
        })).Start();
        // One slow worker makes the other wait.
        Member slow = swarm.Hire("slow", trainer: job => new StubTrainer(job, (step, _) =>
        {
            if (step == Step)
            {
                held.Open();
                emptied.Wait(swarm.End);
            }
        })).Start();
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.True(emptied.IsOpen);
        Assert.True(await first.Run);
        Assert.True(await slow.Run);
        Ledger.Equal(kind, await QuietRun.LedgerAsync(Job), Ledger.Of(reports));
    }
}

using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Disturbances;

/// <summary>What cannot go on ends with its reason, on every worker and without waiting for what will not come.</summary>
public sealed class FailureTests
{
    private static readonly StubJob Job = Cases.All["adam"];

    [Fact]
    public async Task A_gradient_that_is_not_finite_ends_all_workers_and_names_step_and_slot()
    {
        using var folder = new TemporaryFolder();
        // Idle workers take the slot over that the first one gave back.
        await using var swarm = new Swarm(Job, 2, folder.Path, new FastTime(50));
        Member[] members = [.. Enumerable.Range(0, 3).Select(w => swarm.Hire($"w{w}", trainer: job => new ExplodingTrainer(job), tolerant: true).Start())];
        foreach (Member member in members)
        {
            ProtocolException failure = await Assert.ThrowsAsync<ProtocolException>(() => member.Run.WaitAsync(swarm.End));
            Assert.Equal(ProtocolError.NotFinite, failure.Error);
            Assert.Contains("step 2", failure.Message, StringComparison.Ordinal);
            Assert.Matches(@"slots [\d, ]*3", failure.Message);
        }
    }

    [Fact]
    public async Task A_value_that_only_one_worker_finds_not_finite_costs_nothing_but_that_worker()
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, new FastTime(50));
        Member broken = swarm.Hire("broken", trainer: job => new ExplodingTrainer(job), tolerant: true).Start();
        Assert.Equal(ProtocolError.NotFinite, (await Assert.ThrowsAsync<ProtocolException>(() => broken.Run.WaitAsync(swarm.End))).Error);
        swarm.Hire("good").Start();
        Ledger.Equal("one broken worker", await QuietRun.LedgerAsync(Job), Ledger.Of(await swarm.WatchAsync()));
    }

    [Fact]
    public async Task A_shard_that_fails_ends_the_wait_for_the_others()
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, new FakeTimeProvider());
        var closed = new Gate();
        // The other one keeps the step open, so that shard 0 gives no answer.
        swarm.Hire("other", trainer: job => new StubTrainer(job, (step, _) =>
        {
            if (step == 2)
            {
                closed.Wait(swarm.End);
            }
        }), tolerant: true).Start();
        Member waiting = swarm.Hire("waiting", new ScriptedWire((message, _) => message is { Kind: MessageKind.Pull, Cursor: { Step: 2, Attempt: 0 }, Shard: 1 }
            ? Task.FromException(new ProtocolException(ProtocolError.Conflict, "shard 1 is another"))
            : Task.CompletedTask), tolerant: true).Start();
        ProtocolException failure = await Assert.ThrowsAsync<ProtocolException>(() => waiting.Run.WaitAsync(swarm.End));
        Assert.Equal("shard 1 is another", failure.Message);
        closed.Open();
    }

    [Fact]
    public async Task A_trainer_that_throws_ends_its_worker_and_frees_its_slots()
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, new FastTime(50));
        Member broken = swarm.Hire("broken", trainer: job => new StubTrainer(job, (step, slot) => throw new InvalidDataException($"sample of slot {slot}")), tolerant: true).Start();
        Assert.Equal("sample of slot 0", (await Assert.ThrowsAsync<InvalidDataException>(() => broken.Run)).Message);
        // No lease runs out here: what the broken one had must have come back.
        Member other = swarm.Hire("other").Start();
        Ledger.Equal("broken", await QuietRun.LedgerAsync(Job), Ledger.Of(await swarm.WatchAsync()));
        Assert.True(await other.Run);
    }

    [Fact]
    public void What_shards_answer_to_a_push_decides_over_its_slots()
    {
        var cursor = new Cursor(1, 5, 0);
        PushResult taken = new(PushStatus.Accepted, cursor, [], []);
        PushResult refused = new(PushStatus.Refused, cursor, [2, 4], []);
        Check(PushOutcome.Of(cursor, [1, 2, 4], [taken, taken]), [1, 2, 4], [], over: false, again: false);
        Check(PushOutcome.Of(cursor, [1, 2, 4], [taken, refused]), [1], [2, 4], over: false, again: true);
        Check(PushOutcome.Of(cursor, [1, 2], [taken, new(PushStatus.Stale, new Cursor(1, 6, 0), [], [])]), [1, 2], [], over: true, again: false);
        // A shard that is behind, or came to the step during the push, took nothing.
        Check(PushOutcome.Of(cursor, [1, 2], [taken, new(PushStatus.Stale, new Cursor(1, 4, 2), [], [])]), [], [1, 2], over: false, again: false, behind: true);
        Check(PushOutcome.Of(cursor, [1, 2, 4], [refused, new(PushStatus.Stale, cursor, [], [])]), [], [1, 2, 4], over: false, again: false, behind: true);

        static void Check(PushOutcome outcome, int[] held, int[] missing, bool over, bool again, bool behind = false)
        {
            Assert.Equal(held, outcome.Held);
            Assert.Equal(missing, outcome.Missing);
            Assert.Equal((over, again, behind), (outcome.Over, outcome.TryAgain, outcome.Behind));
        }
    }

    private sealed class ExplodingTrainer(StubJob job) : StubTrainer(job)
    {
        protected override SlotResult Compute(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
        {
            SlotResult result = base.Compute(step, slot, sampleIds, stepSampleCount, gradient);
            if (step == 2 && slot == 3)
            {
                gradient[7] = float.NaN;
            }

            return result;
        }
    }
}

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

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_value_that_is_not_finite_ends_its_worker_also_when_it_comes_too_late_to_count(bool isPushed)
    {
        const long Step = 2;
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, new FastTime(50));
        var frozen = new Gate();
        var over = new Gate();
        var broken = new ScriptedWire(async (message, cancellation) =>
        {
            if (isPushed && message is { Kind: MessageKind.Contribution, Cursor.Step: Step })
            {
                frozen.Open();
                await over.WaitAsync(cancellation);
            }
        });
        var good = new ScriptedWire(async (message, cancellation) =>
        {
            if (message.Kind == MessageKind.Connect)
            {
                await frozen.WaitAsync(cancellation);
            }
            else if (message is { Kind: MessageKind.Grant, Cursor.Step: Step + 1 })
            {
                over.Open();
            }
        });
        Member late = swarm.Hire("broken", broken, job => new ExplodingTrainer(job, slot: null, () =>
        {
            if (!isPushed)
            {
                frozen.Open();
                over.Wait(swarm.End);
            }
        }), tolerant: true).Start();
        swarm.Hire("good", good).Start();
        Ledger.Equal("late", await QuietRun.LedgerAsync(Job), Ledger.Of(await swarm.WatchAsync()));
        ProtocolException failure = await Assert.ThrowsAsync<ProtocolException>(() => late.Run.WaitAsync(swarm.End));
        Assert.Equal(ProtocolError.NotFinite, failure.Error);
        Assert.Contains("step 2", failure.Message, StringComparison.Ordinal);
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
        Member waiting = swarm.Hire("waiting", new ScriptedWire((message, _) => message is { Kind: MessageKind.Turn, Cursor.Step: 2, Shard: 1 }
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
        Member other = swarm.Hire("other").Start();
        Ledger.Equal("broken", await QuietRun.LedgerAsync(Job), Ledger.Of(await swarm.WatchAsync()));
        Assert.True(await other.Run);
    }

    /// <param name="slot">Of step 2; null: all of them.</param>
    private sealed class ExplodingTrainer(StubJob job, int? slot = 3, Action? before = null) : StubTrainer(job)
    {
        private readonly int? _slot = slot;

        protected override SlotResult Compute(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
        {
            SlotResult result = base.Compute(step, slot, sampleIds, stepSampleCount, gradient);
            if (step == 2 && (_slot is null || slot == _slot))
            {
                before?.Invoke();
                gradient[7] = float.NaN;
            }

            return result;
        }
    }
}

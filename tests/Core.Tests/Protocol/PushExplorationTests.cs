using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

public sealed class PushExplorationTests
{
    [Fact]
    public void Every_disturbed_run_finishes_with_the_quiet_ledger()
    {
        var seen = new int[9];
        Gen.Select(Gen.Int[0, int.MaxValue - 1], Gen.Int[1, 3], Gen.Int[1, 6], Gen.Int[3, 8], Gen.Bool).Sample((seed, shards, workers, slots, clip) =>
        {
            var optimizer = new OptimizerSpec { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = clip ? 0.5 : null };
            JobDescriptor job = StubGradients.Job(shards, slots, 6, optimizer);
            IReadOnlyList<string> quiet = new PushExploration(StubGradients.Job(1, slots, 6, optimizer), 1, spike: 4).Run(1, 0);
            var disturbed = new PushExploration(job, seed, spike: 4);
            IReadOnlyList<string> ledger = disturbed.Run(workers, 4000);
            Assert.Equal(quiet, ledger);
            Assert.Equal(0, disturbed.Mismatched);
            int[] happened = [disturbed.Killed, disturbed.Frozen, disturbed.Resent, disturbed.Emptied, disturbed.BrokenOff, disturbed.Duplicates, disturbed.Refused, disturbed.Escaped, disturbed.Helped];
            for (int i = 0; i < happened.Length; i++)
            {
                Interlocked.Add(ref seen[i], happened[i]);
            }
        }, iter: 150);

        // A check that never saw a disturbance proves nothing.
        Assert.DoesNotContain(0, seen);
    }

    [Fact]
    public void Shards_that_lose_all_they_hold_cost_repeated_steps_and_no_other_ledger()
    {
        var seen = new int[8];
        Gen.Select(Gen.Int[0, int.MaxValue - 1], Gen.Int[1, 3], Gen.Int[1, 5], Gen.Int[3, 6], Gen.Bool).Sample((seed, shards, workers, slots, clip) =>
        {
            var optimizer = new OptimizerSpec { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = clip ? 0.5 : null };
            IReadOnlyList<string> quiet = new PushExploration(StubGradients.Job(1, slots, 6, optimizer), 1, spike: 4).Run(1, 0);
            var disturbed = new PushExploration(StubGradients.Job(shards, slots, 6, optimizer), seed, spike: 4, losing: true);
            IReadOnlyList<string> ledger = disturbed.Run(workers, 6000);
            Assert.Equal(quiet, ledger);
            Assert.Equal((0, 0), (disturbed.Mismatched, disturbed.DifferentParts));
            int[] happened = [disturbed.LostLevel, disturbed.LostBehind, disturbed.LostAhead, disturbed.LostInRestoration, disturbed.WentBack, disturbed.StartedAgain, disturbed.OpenedAnew, disturbed.RepeatedParts];
            for (int i = 0; i < happened.Length; i++)
            {
                Interlocked.Add(ref seen[i], happened[i]);
            }
        }, iter: 150);

        Assert.True(!seen.Contains(0), $"Not everything happened: {string.Join(' ', seen)}.");
    }

    [Fact]
    public void A_quiet_run_has_no_duplicates_and_refuses_nothing()
    {
        var quiet = new PushExploration(StubGradients.Job(2, 4, 5), 3);
        quiet.Run(1, 0);
        Assert.Equal((0, 0), (quiet.Duplicates, quiet.Refused));
    }
}

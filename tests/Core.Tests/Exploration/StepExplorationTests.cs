using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;

namespace Lockstep.Core.Tests.Exploration;

public sealed class StepExplorationTests
{
    private const long Spike = 4;

    [Fact]
    public void Every_disturbed_run_finishes_with_the_quiet_ledger()
    {
        var seen = new int[7];
        Explore(100, losing: false, (run, _) => Count(seen, run.Killed, run.Frozen, run.Broken, run.Duplicates, run.Refused, run.Revoked, run.GrantedAgain));
        Assert.True(!seen.Contains(0), $"Not everything happened: {string.Join(' ', seen)}.");
    }

    [Fact]
    public void Shards_that_lose_all_they_hold_cost_repeated_steps_and_no_other_ledger()
    {
        var seen = new int[3];
        Explore(100, losing: true, (run, _) => Count(seen, run.ShardsLost, run.WentBack, run.RepeatedParts));
        Assert.True(!seen.Contains(0), $"Not everything happened: {string.Join(' ', seen)}.");
    }

    [Fact]
    public void A_quiet_run_grants_each_slot_once_and_refuses_nothing()
    {
        var quiet = new StepExploration(StubGradients.Job(2, 4, 5), 3);
        Assert.NotNull(quiet.Run(1, 0));
        Assert.Equal((0, 0, 0), (quiet.Duplicates, quiet.Refused, quiet.GrantedAgain));
    }

    /// <summary>Each rule is needed: without it the same exploration finds a schedule that hangs, or one with another sum.</summary>
    [Theory]
    [InlineData("hears of other shards")]
    [InlineData("offers the kept version")]
    [InlineData("grants for the lowest version")]
    public void Without_a_rule_a_fault_is_found(string rule)
    {
        StepRules rules = rule switch
        {
            "hears of other shards" => new() { HearsOfOtherShards = false },
            "offers the kept version" => new() { OffersKeptVersion = false },
            _ => new() { GrantsForLowestVersion = false },
        };
        for (int seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            JobDescriptor job = StubGradients.Job(random.Next(2, 4), random.Next(3, 9), 6, new OptimizerSpec { Kind = OptimizerKind.Adam, LearningRate = 0.01 });
            var run = new StepExploration(job, seed, rules, Spike);
            IReadOnlyList<string>? ledger = run.Run(random.Next(2, 5), 4_000, patience: 60_000);
            if (ledger is null || !ledger.SequenceEqual(Quiet(job)))
            {
                return;
            }
        }

        Assert.Fail($"500 schedules found nothing wrong without the rule '{rule}'.");
    }

    private static void Explore(int iterations, bool losing, Action<StepExploration, int> check)
    {
        Gen.Select(Gen.Int[0, int.MaxValue - 1], Gen.Int[1, 3], Gen.Int[1, 5], Gen.Int[1, 8], Gen.Bool).Sample((seed, shards, workers, slots, clip) =>
        {
            var optimizer = new OptimizerSpec { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = clip ? 0.5 : null };
            JobDescriptor job = StubGradients.Job(shards, slots, 6, optimizer);
            var run = new StepExploration(job, seed, spike: Spike);
            IReadOnlyList<string>? ledger = run.Run(workers, 6_000, losing);
            Assert.True(ledger is not null, $"It hangs: {run.Where()}.");
            Assert.Equal(Quiet(job), ledger);
            Assert.Equal((0, 0), (run.Mismatched, run.DifferentParts));
            check(run, seed);
        }, iter: iterations);
    }

    private static IReadOnlyList<string> Quiet(JobDescriptor job) => new StepExploration(job with { Shards = 1 }, 1, spike: Spike).Run(1, 0)!;

    private static void Count(int[] seen, params int[] happened)
    {
        for (int i = 0; i < happened.Length; i++)
        {
            Interlocked.Add(ref seen[i], happened[i]);
        }
    }
}

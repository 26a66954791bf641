using System.Reflection;
using CsCheck;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>Schedules by chance. One that goes wrong is shrunk and printed: the case alone, its seed included, gives the same schedule again.</summary>
public sealed class StepExplorationTests
{
    /// <summary>Among so many schedules a fault is found without a rule.</summary>
    private const int MostSchedules = 2_000;

    private static readonly Gen<ExplorationCase> Cases = Gen.Select(Gen.Int[0, int.MaxValue - 1], Gen.Int[1, 3], Gen.Int[1, 5], Gen.Int[1, 8], Gen.Int[1, 9], Gen.Int[2, 6], Gen.Int[300, 4_000], Gen.Int[1, 60])
        .Select((seed, shards, workers, slots, chunks, steps, disturbed, rate) => ExplorationCase.Of(seed) with { Shards = shards, Workers = workers, Slots = slots, Chunks = chunks, Steps = steps, Disturbed = disturbed, Rate = rate });

    public static TheoryData<string> Rules => new(typeof(StepRules).GetProperties().Where(p => p.PropertyType == typeof(bool)).Select(p => p.Name));

    [Fact]
    public void Every_disturbed_run_finishes_with_the_quiet_ledger() => Explore(150, how => how, seen =>
        [seen.Killed, seen.Frozen, seen.Broken, seen.Stalled, seen.Left, seen.Doubled, seen.Duplicates, seen.Refused, seen.Revoked, seen.Dropped, seen.Held, seen.Evaluated, seen.Asked, seen.Late]);

    [Fact]
    public void Shards_that_lose_all_they_hold_cost_repeated_steps_and_no_other_ledger() => Explore(150, how => how with { LosesShards = true }, seen => [seen.ShardsLost, seen.WentBack, seen.Repeated]);

    [Fact]
    public void A_worker_that_brings_values_that_are_not_finite_costs_no_other_ledger() => Explore(100, how => how with { HasSick = true, LosesShards = how.Seed % 2 == 0 }, seen => [seen.NotFinite]);

    [Fact]
    public void A_slot_that_is_finite_nowhere_ends_the_job_by_name_after_the_quiet_steps() => Cases.Sample(how =>
    {
        (long Step, int Slot) poison = (how.Steps / 2, how.Slots / 2);
        how = how with { Poison = poison, LosesShards = how.Seed % 2 == 0 };
        ExplorationOutcome outcome = new StepExploration(how).Run();
        Assert.True(outcome.NotFinite is not null, $"It goes on: {outcome.Hangs}.");
        Assert.Equal(poison, (outcome.NotFinite.Value.Step, Assert.Single(outcome.NotFinite.Value.Slots)));
        Assert.Equal(Quiet(how).Take(outcome.Ledger.Count), outcome.Ledger);
    }, iter: 100);

    [Fact]
    public void A_quiet_run_grants_each_slot_once_and_refuses_nothing()
    {
        var quiet = new StepExploration(new ExplorationCase(Seed: 3, Shards: 2, Workers: 1, Slots: 4, Chunks: 6, Steps: 5, Disturbed: 0, Rate: 0));
        Assert.Null(quiet.Run().Hangs);
        Assert.Equal((0, 0, 0), (quiet.Seen.Duplicates, quiet.Seen.Refused, quiet.Seen.Revoked));
    }

    /// <summary>Each rule is needed: without it the same exploration finds a schedule that hangs, one with another sum, or one with a damaged contribution.</summary>
    [Theory]
    [MemberData(nameof(Rules))]
    public void Without_a_rule_a_fault_is_found(string rule)
    {
        var rules = new StepRules();
        PropertyInfo property = typeof(StepRules).GetProperty(rule)!;
        property.SetValue(rules, false);
        int found = Enumerable.Range(0, MostSchedules).FirstOrDefault(seed => IsFaulty(ExplorationCase.Of(seed) with { LosesShards = !rules.RestoresAll }, rules), -1);
        Assert.True(found >= 0, $"{MostSchedules} schedules found nothing wrong without the rule '{rule}'.");
        TestContext.Current.TestOutputHelper?.WriteLine($"Schedule {found} goes wrong without the rule '{rule}'.");
    }

    private static void Explore(int iterations, Func<ExplorationCase, ExplorationCase> change, Func<ExploredCounts, int[]> happened)
    {
        var all = new List<int[]>();
        Cases.Sample(how =>
        {
            how = change(how);
            var run = new StepExploration(how);
            ExplorationOutcome outcome = run.Run();
            Assert.True(outcome.Hangs is null, $"It hangs: {outcome.Hangs}.");
            Assert.Null(outcome.NotFinite);
            Assert.Equal(Quiet(how), outcome.Ledger);
            Assert.Equal((0, 0), (run.Seen.Mismatched, run.Seen.Different));
            lock (all)
            {
                all.Add(happened(run.Seen));
            }
        }, iter: iterations);
        int[] sums = [.. all.Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)])];
        Assert.True(!sums.Contains(0), $"Not everything happened: {string.Join(' ', sums)}.");
    }

    private static bool IsFaulty(ExplorationCase how, StepRules rules)
    {
        try
        {
            ExplorationOutcome outcome = new StepExploration(how, rules).Run(patience: 60_000);
            return outcome.Hangs is not null || !outcome.Ledger.SequenceEqual(Quiet(how));
        }
        catch (Exception exception) when (exception is ProtocolException or InvalidOperationException or ArgumentException)
        {
            // A contribution that was changed on its way, or what a worker or a shard was promised.
            return true;
        }
    }

    private static IReadOnlyList<string> Quiet(ExplorationCase how) => new StepExploration(how.MakeQuiet()).Run().Ledger;
}

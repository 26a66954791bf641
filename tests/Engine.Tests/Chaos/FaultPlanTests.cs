using Lockstep.Contracts;
using Lockstep.Contracts.Faults;
using Lockstep.Engine.Chaos;

namespace Lockstep.Engine.Tests.Chaos;

public sealed class FaultPlanTests
{
    private const int Many = 20_000;

    [Fact]
    public void Draws_the_same_of_the_same_seed_and_another_of_another()
    {
        FaultKind[] kinds = [FaultKind.Kill, FaultKind.KillShard, FaultKind.Drop];
        Fault[] plan = [.. FaultPlan.Drawn(15, kinds, 4, 2, 0, 7).Faults.Take(50)];

        Assert.Equal(plan, FaultPlan.Drawn(15, kinds, 4, 2, 0, 7).Faults.Take(50));
        Assert.NotEqual(plan, FaultPlan.Drawn(15, kinds, 4, 2, 0, 8).Faults.Take(50));
    }

    [Fact]
    public void Draws_gaps_with_the_mean_and_the_spread_of_an_exponential_distribution()
    {
        double[] times = [.. FaultPlan.Drawn(15, [FaultKind.Kill], 4, 2, 0, 1).Faults.Take(Many).Select(f => f.At.Seconds!.Value)];
        double[] gaps = [.. times.Zip(times.Skip(1), (a, b) => b - a)];

        Assert.Equal(times.Order(), times);
        Assert.InRange(gaps.Average(), 14.5, 15.5);
        // 1/e of the gaps are longer than the mean.
        Assert.InRange(gaps.Count(g => g > 15) / (double)gaps.Length, 0.355, 0.381);
    }

    [Fact]
    public void Draws_every_kind_and_every_target_alike()
    {
        Fault[] plan = [.. FaultPlan.Drawn(1, [FaultKind.Kill, FaultKind.KillShard], 4, 2, 0, 3).Faults.Take(Many)];

        Assert.Equal(["ps-0", "ps-1", "worker-0", "worker-1", "worker-2", "worker-3"], plan.Select(f => f.Target).Distinct().Order(StringComparer.Ordinal));
        Assert.InRange(plan.Count(f => f.Kind == FaultKind.Kill), Many * 0.48, Many * 0.52);
        Assert.All(plan.Where(f => f.Kind == FaultKind.Kill).CountBy(f => f.Target!), t => Assert.InRange(t.Value, Many * 0.11, Many * 0.14));
    }

    [Fact]
    public void Adds_no_more_workers_than_it_may_and_goes_on_with_the_other_kinds()
    {
        Fault[] plan = [.. FaultPlan.Drawn(1, [FaultKind.Add, FaultKind.Kill], 4, 2, 3, 3).Faults.Take(Many)];

        Assert.Equal(3, plan.Count(f => f.Kind == FaultKind.Add));
        Assert.Equal(Many - 3, plan.Count(f => f.Kind == FaultKind.Kill));
        Assert.Equal(plan.Select(f => f.At.Seconds).Order(), plan.Select(f => f.At.Seconds));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void Ends_where_all_it_could_do_is_to_add_more_workers_than_it_may(int mostAdded) =>
        Assert.Equal(Enumerable.Repeat(FaultKind.Add, mostAdded), FaultPlan.Drawn(1, [FaultKind.Add], 4, 2, mostAdded, 3).Faults.Take(Many).Select(f => f.Kind));

    [Fact]
    public void Draws_how_many_workers_there_shall_be_from_one_to_all_and_leaves_a_number_that_is_named()
    {
        Assert.Equal([1, 2, 3, 4], FaultPlan.Drawn(1, [FaultKind.Scale], 4, 2, 0, 3).Faults.Take(Many).Select(f => f.Workers!.Value).Distinct().Order());
        Assert.Equal(8, FaultPlan.Scheduled([new(FaultKind.Scale, At(2)) { Workers = 8 }], "s.yaml", 1, 1, 5).Faults.Single().Workers);
    }

    [Fact]
    public void Knows_the_most_workers_that_a_schedule_can_bring()
    {
        Fault[] schedule = [new(FaultKind.Scale, At(1)) { Workers = 4 }, new(FaultKind.Add, At(2)), new(FaultKind.Scale, At(3)) { Workers = 2 }, new(FaultKind.Kill, At(4)) { Target = "worker-4" }];

        Assert.Equal(5, FaultPlan.MostWorkers(schedule, 1));
        Assert.Equal(7, FaultPlan.MostWorkers(schedule, 6));
        Assert.Equal("worker-4", FaultPlan.Scheduled(schedule, "s.yaml", 1, 1, 5).Faults.Last().Target);
    }

    [Fact]
    public void Gives_a_target_to_who_names_none_and_leaves_one_that_is_named()
    {
        Fault[] schedule = [new(FaultKind.Kill, At(2)), new(FaultKind.KillShard, At(1)) { Target = "ps-1" }, new(FaultKind.KillScheduler, At(0))];

        Fault[] plan = [.. FaultPlan.Scheduled(schedule, "s.yaml", 3, 2, 5).Faults];

        Assert.Equal([FaultKind.KillScheduler, FaultKind.KillShard, FaultKind.Kill], plan.Select(f => f.Kind));
        Assert.Equal("scheduler", plan[0].Target);
        Assert.Equal("ps-1", plan[1].Target);
        Assert.Matches("^worker-[012]$", plan[2].Target);
        Assert.Equal(plan, FaultPlan.Scheduled(schedule, "s.yaml", 3, 2, 5).Faults);
    }

    [Fact]
    public void Refuses_targets_that_the_run_does_not_have_all_at_once()
    {
        Fault[] schedule = [new(FaultKind.Kill, At(2)) { Target = "worker-3", Line = 7 }, new(FaultKind.KillShard, At(1)) { Target = "ps-2" }, new(FaultKind.Partition, At(1)) { Target = "worker-0", Shard = 2 }, new(FaultKind.Kill, At(2)) { Target = "worker-99999999999999999999" }];

        var exception = Assert.Throws<InputException>(() => FaultPlan.Scheduled(schedule, "s.yaml", 3, 2, 5));

        Assert.Equal(4, exception.Errors.Count);
        Assert.Contains("s.yaml:7: There is no worker-3 in a run of 3 workers and 2 shards.", exception.Message, StringComparison.Ordinal);
        Assert.Contains("ps-2", exception.Message, StringComparison.Ordinal);
        Assert.Contains("shard 2", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_a_number_of_workers_with_which_the_job_would_wait_for_ever()
    {
        Fault few = new(FaultKind.Scale, At(5)) { Workers = 2, Line = 4 };
        Fault enough = new(FaultKind.Scale, At(9)) { Workers = 3 };
        Fault byStep = new(FaultKind.Scale, new FaultTime(null, 20, null)) { Workers = 3 };

        foreach (Fault[] schedule in new Fault[][] { [few], [few, byStep], [few, enough with { At = At(4) }] })
        {
            var exception = Assert.Throws<InputException>(() => FaultPlan.Scheduled(schedule, "s.yaml", 3, 1, 5, minimum: 3));
            Assert.Contains("s.yaml:4: With 2 workers the job waits for ever, as its workers.min is 3.", exception.Message, StringComparison.Ordinal);
        }

        Assert.Equal(2, FaultPlan.Scheduled([few, enough], "s.yaml", 3, 1, 5, minimum: 3).Count);
        Assert.Equal(1, FaultPlan.Scheduled([few], "s.yaml", 3, 1, 5, minimum: 2).Count);
    }

    [Fact]
    public void Knows_workers_that_the_schedule_adds()
    {
        Fault[] schedule = [new(FaultKind.Add, At(1)), new(FaultKind.Kill, At(2)) { Target = "worker-3" }];

        Assert.Equal("worker-3", FaultPlan.Scheduled(schedule, "s.yaml", 3, 2, 5).Faults.Last().Target);
    }

    private static FaultTime At(double seconds) => new(seconds, null, null);
}

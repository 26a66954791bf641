using CsCheck;
using Lockstep.Scheduler.Scaling;

namespace Lockstep.Scheduler.Tests.Policy;

public sealed class SpeedUpPolicyTests
{
    private const int Slots = 8;

    private static readonly DateTimeOffset Now = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly SpeedUpOptions Options = new();
    private static readonly SpeedUpPolicy Policy = new(Options);

    [Fact]
    public void A_job_begins_with_its_minimum_and_climbs_while_workers_pay()
    {
        Assert.Equal((2, "begins with its minimum"), Decide(Job() with { Minimum = 2 }));
        Assert.Equal((1, "measuring 1"), Decide(Job() with { Target = 1, Active = 1, TargetSince = Now }));
        Assert.Equal((2, "1 pay, trying 2"), Decide(Job() with { Target = 1, Active = 1, Speeds = Speeds((1, 100)) }));
        // Two workers of two that could double: 90 of 100 more.
        Assert.Equal((3, "2 pay, trying 3"), Decide(Job() with { Target = 2, Active = 2, Speeds = Speeds((1, 100), (2, 190)) }));
        // 5, 6 and 7 workers need two rounds of 8 slots as 4 do.
        Assert.Equal((8, "4 pay, trying 8"), Decide(Job() with { Target = 4, Active = 4, Speeds = Speeds((3, 250), (4, 380)) }));
        Assert.Equal((8, "at its most, 8"), Decide(Job() with { Target = 8, Active = 8, Speeds = Speeds((4, 100), (8, 190)) }));
    }

    [Fact]
    public void What_does_not_pay_is_given_up_what_pays_a_little_stays_and_neither_is_tried_again_soon()
    {
        JobScalingSnapshot two = Job() with { Target = 2, Active = 2 };
        ScalingDecision useless = Policy.Decide(Now, Snapshot(two with { Speeds = Speeds((1, 100), (2, 105)) }));
        Assert.Equal((1, true), (useless.Desired, useless.Jobs[0].Retreats));
        Assert.Equal(2, Decide(two with { Speeds = Speeds((1, 100), (2, 130)) }).Target);

        JobScalingSnapshot one = Job() with { Target = 1, Active = 1, Speeds = Speeds((1, 100)) };
        Assert.Equal(1, Decide(one with { Retreated = Now - (Options.CoolDown / 2) }).Target);
        Assert.Equal(2, Decide(one with { Retreated = Now - Options.CoolDown }).Target);
    }

    [Fact]
    public void Without_jobs_workers_stay_for_a_while_and_then_none_does()
    {
        Assert.Equal(3, Policy.Decide(Now, new ScalingSnapshot([], null, 8, Now - (Options.IdleGrace / 2), 3)).Desired);
        Assert.Equal(0, Policy.Decide(Now, new ScalingSnapshot([], null, 8, Now - Options.IdleGrace, 3)).Desired);
    }

    [Fact]
    public void Every_job_has_its_minimum_before_any_has_more()
    {
        JobScalingSnapshot large = Job() with { JobId = "large", Target = 3, Active = 3, TargetSince = Now };

        ScalingDecision decision = Policy.Decide(Now, Snapshot(limit: 4, large, Job() with { JobId = "second" }, Job() with { JobId = "third" }));

        Assert.Equal([2, 1, 1], decision.Jobs.Select(j => j.Target));
        Assert.Equal("2 of the 4 workers allowed are left", decision.Jobs[0].Reason);
    }

    [Fact]
    public void A_job_whose_minimum_is_not_there_waits_and_those_after_it_do_not()
    {
        ScalingDecision decision = Policy.Decide(Now, Snapshot(limit: 2, Job() with { Minimum = 3 }, Job()));

        Assert.Equal([0, 1], decision.Jobs.Select(j => j.Target));
        Assert.Equal("it needs at least 3, and 2 of the 2 allowed are left", decision.Jobs[0].Reason);
        ScalingDecision asked = Policy.Decide(Now, Snapshot(limit: 4, Job() with { Minimum = 3 }, Job()) with { Scale = 2 });
        Assert.Equal("it needs at least 3, and 2 of the 2 asked for are left", asked.Jobs[0].Reason);
    }

    [Fact]
    public void A_person_is_obeyed_up_to_the_limit()
    {
        ScalingDecision decision = Policy.Decide(Now, Snapshot(limit: 4, Job() with { Target = 1, Active = 1 }) with { Scale = 9 });

        Assert.Equal((4, "scaled to 9, of which 4 are allowed"), (decision.Desired, decision.Reason));
    }

    [Fact]
    public void No_decision_gives_more_than_there_may_be_or_less_than_a_job_can_do_with()
    {
        Gen<JobScalingSnapshot> job =
            from minimum in Gen.Int[1, 4]
            from more in Gen.Int[0, 6]
            from slots in Gen.Int[1, 16]
            from target in Gen.Int[0, 10]
            from active in Gen.Int[0, 10]
            from slow in Gen.Double[1, 100]
            from fast in Gen.Double[1, 400]
            select Job() with { Minimum = minimum, Maximum = minimum + more, Slots = slots, Target = target, Active = active, Speeds = Speeds((minimum, slow), (Math.Clamp(target, minimum, minimum + more), fast)) };
        Gen.Select(job.Array[0, 5], Gen.Int[1, 12], Gen.Int[0, 15].Nullable()).Sample((jobs, limit, scale) =>
        {
            ScalingDecision decision = Policy.Decide(Now, new ScalingSnapshot(jobs, scale, limit, null, 0));
            Assert.InRange(decision.Desired, 0, limit);
            Assert.True(decision.Jobs.Sum(j => j.Target) <= limit);
            foreach ((JobScalingSnapshot asked, JobScalingDecision given) in jobs.Zip(decision.Jobs))
            {
                Assert.True(given.Target == 0 || (given.Target >= asked.Minimum && given.Target <= asked.Maximum), $"{asked} got {given}");
                Assert.NotEmpty(given.Reason);
            }
        });
    }

    private static (int Target, string Reason) Decide(JobScalingSnapshot job)
    {
        JobScalingDecision decision = Policy.Decide(Now, Snapshot(job)).Jobs[0];
        return (decision.Target, decision.Reason);
    }

    private static JobScalingSnapshot Job() => new("job", 1, Slots, Slots, 0, new Dictionary<int, double>(), 0, Now - TimeSpan.FromMinutes(1), null);

    private static ScalingSnapshot Snapshot(params JobScalingSnapshot[] jobs) => Snapshot(20, jobs);

    private static ScalingSnapshot Snapshot(int limit, params JobScalingSnapshot[] jobs) => new(jobs, null, limit, null, 0);

    private static Dictionary<int, double> Speeds(params (int Workers, double Speed)[] speeds) => speeds.DistinctBy(s => s.Workers).ToDictionary(s => s.Workers, s => s.Speed);
}

using Lockstep.Hosting;
using CsCheck;

namespace Lockstep.AppHost.Tests;

public sealed class WorkerScalePlanTests
{
    [Fact]
    public void Starts_the_lowest_free_numbers()
    {
        WorkerScalePlan plan = Decide(3, 0, "R..s..");
        Assert.Equal([1], plan.Start);
        Assert.Empty(plan.Stop);
    }

    [Fact]
    public void Stops_the_highest_running_ones()
    {
        WorkerScalePlan plan = Decide(1, 0, "RRRR");
        Assert.Empty(plan.Start);
        Assert.Equal([3, 2, 1], plan.Stop);
    }

    [Fact]
    public void Stops_idle_ones_first()
    {
        Assert.Equal([1], Decide(3, 0, "RIRR").Stop);
        Assert.Equal([3, 0, 4], Decide(2, 0, "IRRIR").Stop);
    }

    [Fact]
    public void Keeps_the_minimum_whatever_is_wanted()
    {
        Assert.Equal([0], Decide(0, 1, "..").Start);
        Assert.Equal([1], Decide(0, 1, "RR").Stop);
    }

    [Fact]
    public void Cuts_what_is_more_than_there_are() => Assert.Equal([0, 1], Decide(99, 0, "..").Start);

    [Fact]
    public void One_that_is_starting_counts_and_is_not_stopped()
    {
        Assert.Empty(Decide(2, 0, "Rs.").Start);
        Assert.Equal([0], Decide(1, 0, "Rs.").Stop);
        Assert.Empty(Decide(1, 0, "ss").Stop);
    }

    [Fact]
    public void One_that_is_stopping_is_gone_but_not_free()
    {
        WorkerScalePlan plan = Decide(2, 0, "Rx");
        Assert.Empty(plan.Start);
        Assert.Empty(plan.Stop);
        Assert.Equal([2], Decide(2, 0, "Rx.").Start);
    }

    [Fact]
    public void One_whose_state_is_not_known_is_left_alone()
    {
        Assert.Empty(Decide(1, 0, "?.").Start);
        Assert.Empty(Decide(0, 0, "?.").Stop);
    }

    [Fact]
    public void One_that_ended_just_after_its_start_waits_and_another_takes_its_place() => Assert.Equal([1], Decide(1, 0, "w.").Start);

    [Fact]
    public void Carried_out_it_leads_to_the_number_wanted_and_then_rests()
    {
        Gen<string> fleets = Gen.Bool.Array[1, 12].Select(running => new string([.. running.Select(r => r ? 'R' : '.')]));
        Gen.Select(fleets, Gen.Int[0, 15], Gen.Int[0, 3]).Sample((fleet, wanted, least) =>
        {
            int minimum = Math.Min(least, fleet.Length);
            char[] after = fleet.ToCharArray();
            WorkerScalePlan plan = Decide(wanted, minimum, fleet);
            foreach (int index in plan.Start)
            {
                after[index] = 'R';
            }

            foreach (int index in plan.Stop)
            {
                after[index] = '.';
            }

            WorkerScalePlan next = Decide(wanted, minimum, new string(after));
            return after.Count(c => c == 'R') == Math.Clamp(wanted, minimum, fleet.Length) && next.Start.Count + next.Stop.Count == 0;
        });
    }

    /// <param name="fleet">One letter a worker: R runs and has a job, I runs and is idle, s starts, x stops, . is free, w is free but waits, ? is not known.</param>
    private static WorkerScalePlan Decide(int wanted, int minimum, string fleet) => WorkerScalePlan.Decide(wanted, minimum, [.. fleet.Select((letter, index) => new WorkerSnapshot(index, letter switch
    {
        'R' or 'I' => WorkerCondition.Running,
        's' => WorkerCondition.Starting,
        'x' => WorkerCondition.Stopping,
        '?' => WorkerCondition.Unknown,
        _ => WorkerCondition.Stopped,
    }, MayStart: letter != 'w', IsIdle: letter == 'I'))]);
}

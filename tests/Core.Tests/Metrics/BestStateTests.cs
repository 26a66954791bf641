using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Metrics;

namespace Lockstep.Core.Tests.Metrics;

public sealed class BestStateTests
{
    private static readonly BestSpec Most = new() { Metric = "accuracy", Mode = BestMode.Max, Patience = 2 };
    private static readonly BestSpec Least = new() { Metric = "loss", Mode = BestMode.Min, Patience = 3, MinDelta = 0.1 };

    [Fact]
    public void The_best_is_the_first_of_the_largest_and_patience_counts_what_is_no_better()
    {
        Assert.Equal(new BestState(10, 0.5, 0.5, 0), After(Most, 0.5));
        Assert.Equal(new BestState(20, 0.7, 0.7, 0), After(Most, 0.5, 0.7));
        Assert.Equal(new BestState(20, 0.7, 0.7, 1), After(Most, 0.5, 0.7, 0.7));
        Assert.Equal(new BestState(20, 0.7, 0.7, 2), After(Most, 0.5, 0.7, 0.7, 0.6));
        Assert.Equal(new BestState(50, 0.8, 0.8, 0), After(Most, 0.5, 0.7, 0.7, 0.6, 0.8));
        Assert.Equal([false, false, false, true], new[] { After(Most, 0.5), After(Most, 0.5, 0.7), After(Most, 0.5, 0.7, 0.7), After(Most, 0.5, 0.7, 0.7, 0.6) }.Select(s => s.Stops(Most)));
    }

    /// <summary>Steps that are each too small to count for patience lead to a better version all the same, and together they count.</summary>
    [Fact]
    public void A_version_that_is_better_by_little_is_the_best_and_does_not_renew_patience()
    {
        Assert.Equal(new BestState(20, 0.95, 1, 1), After(Least, 1, 0.95));
        Assert.Equal(new BestState(30, 0.91, 1, 2), After(Least, 1, 0.95, 0.91));
        Assert.Equal(new BestState(40, 0.89, 0.89, 0), After(Least, 1, 0.95, 0.91, 0.89));
        Assert.True(After(Least, 1, 0.95, 0.91, 0.9).Stops(Least));
    }

    [Fact]
    public void What_cannot_be_had_is_never_better()
    {
        Assert.Equal(new BestState(null, null, null, 2), After(Most, null, double.NaN));
        Assert.Equal(new BestState(30, 0.1, 0.1, 0), After(Most, null, double.NaN, 0.1));
        Assert.Equal(new BestState(10, 0.1, 0.1, 2), After(Most, 0.1, null, double.NaN));
        Assert.Equal(new BestState(20, 1, 1, 0), After(Least, double.PositiveInfinity, 1));
    }

    [Fact]
    public void Without_patience_it_never_stops() => Gen.Double.Array[1, 50].Sample(values =>
        Assert.False(After(Most with { Patience = null }, [.. values.Select(v => (double?)v)]).Stops(Most with { Patience = null })));

    [Fact]
    public void Every_part_of_it_is_in_its_hash()
    {
        BestState[] states = [BestState.None, new(1, 0.5, 0.5, 0), new(2, 0.5, 0.5, 0), new(1, 0.25, 0.5, 0), new(1, 0.5, 0.25, 0), new(1, 0.5, 0.5, 1), new(null, 0.5, 0.5, 0), new(1, null, 0.5, 0), new(1, 0.5, null, 0)];
        Assert.Equal(states.Length, states.Select(s => s.Hash()).Distinct().Count());
        Assert.Equal(new BestState(1, 0.5, 0.5, 0).Hash(), states[1].Hash());
    }

    private static BestState After(BestSpec rule, params double?[] values)
    {
        BestState state = BestState.None;
        foreach ((int i, double? value) in values.Index())
        {
            state = state.With(rule, 10 * (i + 1), value);
        }

        return state;
    }
}

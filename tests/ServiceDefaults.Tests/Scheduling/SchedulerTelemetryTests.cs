using Lockstep.Scheduler.Telemetry;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.ServiceDefaults.Tests.Scheduling;

public sealed class SchedulerTelemetryTests
{
    [Theory]
    [InlineData(8, 1, 1.0)]
    [InlineData(8, 4, 1.0)]
    [InlineData(8, 3, 8.0 / 9)]
    [InlineData(8, 5, 8.0 / 10)]
    [InlineData(8, 16, 0.5)]
    public void Utilization_is_the_part_of_the_rounds_that_slots_fill(int slots, int workers, double expected) =>
        Assert.Equal(expected, SchedulerMetrics.Utilization(slots, workers), 12);

    [Fact]
    public void A_new_worker_is_timed_from_the_oldest_decision_to_its_first_contribution()
    {
        var time = new FakeTimeProvider();
        var clock = new ScaleUpClock(time);
        Assert.Null(clock.Contributed("old"));
        clock.Decided(1, 2);
        time.Advance(TimeSpan.FromSeconds(3));
        clock.Decided(2, 3);
        Assert.Null(clock.Contributed("old"));

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromSeconds(4), clock.Contributed("first"));
        Assert.Null(clock.Contributed("first"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromSeconds(2), clock.Contributed("second"));
        Assert.Null(clock.Contributed("third"));
    }

    [Fact]
    public void A_decision_for_fewer_takes_back_the_newest_ones_for_more()
    {
        var time = new FakeTimeProvider();
        var clock = new ScaleUpClock(time);
        clock.Decided(0, 2);
        time.Advance(TimeSpan.FromSeconds(5));
        clock.Decided(2, 3);
        clock.Decided(3, 1);

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromSeconds(6), clock.Contributed("a"));
        Assert.Null(clock.Contributed("b"));
        clock.Decided(1, 0);
    }

    [Fact]
    public void A_worker_that_left_is_new_when_it_comes_again()
    {
        var time = new FakeTimeProvider();
        var clock = new ScaleUpClock(time);
        clock.Contributed("a");
        clock.Left("a");
        clock.Decided(0, 1);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(2), clock.Contributed("a"));
    }

    [Fact]
    public void Stragglers_are_the_slowest_over_the_middle()
    {
        var table = new StragglerTable(_time);
        Assert.Equal(0, table.Ratio("job"));
        table.Observe("job", new Dictionary<string, double> { ["a"] = 10, ["b"] = 30, ["c"] = 20 });
        Assert.Equal(1.5, table.Ratio("job"));
        table.Observe("other", new Dictionary<string, double> { ["a"] = 10 });
        Assert.Equal(1, table.Ratio("other"));

        // A worker that contributes no more is forgotten, and does not stay the slowest for ever.
        for (int step = 0; step <= 100; step++)
        {
            table.Observe("job", new Dictionary<string, double> { ["a"] = 10, ["c"] = 20 });
        }

        Assert.Equal(20.0 / 15, table.Ratio("job"), 12);
        table.Forget("job");
        Assert.Equal(0, table.Ratio("job"));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Who_is_slow_all_the_time_is_told_once_and_so_is_its_end(int workers)
    {
        var table = new StragglerTable(_time);
        PaceChange slow = Assert.Single(Observe(table, 200, Second, _ => Times(workers, slowest: 0)));
        Assert.True(slow is { WorkerId: "0", IsSlow: true }, $"{slow}");
        Assert.Equal(5, slow.Ratio, 6);
        PaceChange usual = Assert.Single(Observe(table, 200, Second, _ => Times(workers, slowest: -1)));
        Assert.True(usual is { WorkerId: "0", IsSlow: false, Ratio: < 1.5 }, $"{usual}");
    }

    [Fact]
    public void Nobody_is_told_of_a_slowness_that_wanders()
    {
        var table = new StragglerTable(_time);
        Assert.Empty(Observe(table, 800, Second, step => Times(4, slowest: step / 20 % 4)));
    }

    [Fact]
    public void One_that_halts_and_hurries_in_turns_is_slow_all_the_time()
    {
        var table = new StragglerTable(_time);
        PaceChange slow = Assert.Single(Observe(table, 200, Second, step => Times(3, slowest: step % 25 < 12 ? 0 : -1)));
        Assert.True(slow is { WorkerId: "0", IsSlow: true, Ratio: >= 2 }, $"{slow}");
        // It hurries more than it halts now.
        PaceChange usual = Assert.Single(Observe(table, 400, Second, step => Times(3, slowest: step % 25 < 3 ? 0 : -1)));
        Assert.True(usual is { WorkerId: "0", IsSlow: false, Ratio: < 2 }, $"{usual}");
    }

    [Fact]
    public void A_worker_alone_is_not_slow()
    {
        var table = new StragglerTable(_time);
        Assert.Empty(Observe(table, 200, Second, step => Times(1, slowest: step > 100 ? 0 : -1)));
    }

    [Fact]
    public void Many_short_steps_are_no_long_time_and_a_few_long_ones_no_habit()
    {
        var table = new StragglerTable(_time);
        // 20 s of steps of 50 ms, as while a process warms up.
        Assert.Empty(Observe(table, 400, 0.05, _ => Times(3, slowest: 0)));
        // Once it is 30 s it is told.
        Assert.Single(Observe(table, 400, 0.05, _ => Times(3, slowest: 0)));

        table = new StragglerTable(_time);
        Assert.Empty(Observe(table, 49, 10, _ => Times(3, slowest: 0)));
    }

    private const double Second = 1;

    private readonly FakeTimeProvider _time = new();

    private List<PaceChange> Observe(StragglerTable table, int steps, double seconds, Func<int, Dictionary<string, double>> times)
    {
        var changes = new List<PaceChange>();
        for (int step = 0; step < steps; step++)
        {
            changes.AddRange(table.Observe("job", times(step)));
            _time.Advance(TimeSpan.FromSeconds(seconds));
        }

        return changes;
    }

    private static Dictionary<string, double> Times(int workers, int slowest) =>
        Enumerable.Range(0, workers).ToDictionary(worker => $"{worker}", worker => worker == slowest ? 50.0 : 10.0, StringComparer.Ordinal);

    [Fact]
    public void A_job_waits_from_when_it_began_to()
    {
        var time = new FakeTimeProvider();
        var clock = new QueueClock(time);
        clock.Update(["a"]);
        time.Advance(TimeSpan.FromSeconds(2));
        clock.Update(["a", "b"]);
        Assert.Equal(TimeSpan.FromSeconds(2), clock.Waited("a"));
        Assert.Equal(TimeSpan.Zero, clock.Waited("b"));
        clock.Update(["b"]);
        Assert.Null(clock.Waited("a"));
    }
}

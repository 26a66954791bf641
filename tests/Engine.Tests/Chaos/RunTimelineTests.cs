using Lockstep.Engine.Chaos;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Engine.Tests.Chaos;

public sealed class RunTimelineTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Tells_the_time_from_a_fault_to_the_next_step()
    {
        var timeline = new RunTimeline(_time);
        timeline.Publish(1);
        DateTimeOffset fault = After(2);
        _time.Advance(TimeSpan.FromSeconds(3));
        timeline.Publish(2);
        DateTimeOffset last = After(1);

        Assert.Equal(3000, timeline.RecoveryAfter(fault));
        Assert.Null(timeline.RecoveryAfter(last));
        Assert.Equal(2, timeline.SecondsAt(fault));
        Assert.Equal(1, timeline.StepAt(fault));
    }

    [Fact]
    public void A_step_that_was_done_before_a_fault_and_is_heard_of_after_it_hides_no_stall()
    {
        var timeline = new RunTimeline(_time);
        timeline.Publish(1);
        DateTimeOffset fault = After(1);
        _time.Advance(TimeSpan.FromMilliseconds(10));
        timeline.Publish(2);
        _time.Advance(TimeSpan.FromSeconds(2));
        timeline.Publish(3);
        _time.Advance(TimeSpan.FromSeconds(9));
        timeline.Publish(4);

        Assert.Equal(2000, timeline.RecoveryAfter(fault));
    }

    [Fact]
    public void Knows_what_was_said_of_whom_and_when()
    {
        var timeline = new RunTimeline(_time);
        timeline.Say("worker-0 joined");
        DateTimeOffset fault = After(1);
        timeline.Say("worker-0 left; 2 of its slots are free again");
        timeline.Say("worker-11 left; 0 of its slots are free again");
        timeline.Say("a shard lost its state: all went back to version 20 within 90 ms");
        DateTimeOffset next = After(1);
        timeline.Say("Redis had lost everything; the job's record was written again");
        timeline.Say("Redis had lost everything; the job's record was written again");

        Assert.Equal(["worker-0 left; 2 of its slots are free again"], timeline.SaidOf(["worker-0"], fault, next));
        Assert.Equal(["a shard lost its state: all went back to version 20 within 90 ms"], timeline.SaidOf(["ps-0", "a shard"], fault, DateTimeOffset.MaxValue));
        Assert.Empty(timeline.SaidOf(["redis"], fault, next));
        Assert.Single(timeline.SaidOf(["redis"], fault, DateTimeOffset.MaxValue));
    }

    [Fact]
    public async Task Wakes_who_waits_for_a_step_when_it_is_passed()
    {
        var timeline = new RunTimeline(_time);
        Task third = timeline.WaitStepAsync(3, TestContext.Current.CancellationToken);

        timeline.Publish(2);
        Assert.False(third.IsCompleted);
        // A scheduler that was away tells of several steps at once.
        timeline.Publish(5);
        await third;
        await timeline.WaitStepAsync(4, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Counts_seconds_from_the_first_step()
    {
        var timeline = new RunTimeline(_time);
        Task fourth = timeline.WaitSecondsAsync(4, TestContext.Current.CancellationToken);
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.False(fourth.IsCompleted);

        timeline.Publish(1);
        await Task.Yield();
        while (!fourth.IsCompleted)
        {
            // It begins to wait on a thread of its own.
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.True(timeline.SecondsAt(_time.GetUtcNow()) >= 4);
    }

    private DateTimeOffset After(double seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        return _time.GetUtcNow();
    }
}

using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Tests.Timing;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Scheduler.Tests.Policy;

public sealed class ScalerTests
{
    private const int SlotsOfJob = 8;

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void The_next_scheduler_goes_on_from_what_this_one_measured_and_wanted()
    {
        Scaler scaler = New();
        Assert.Equal(1, Decide(scaler, 1));
        Measure(scaler, 1, 100);
        Assert.Equal(2, Decide(scaler, 1));

        Scaler next = New();
        next.Recall(ScalingMemory.FromJson(scaler.Memory.ToJson()));
        Assert.Equal((2, "job: 1 pay, trying 2"), (next.Last.Desired, next.Last.Reason));
        // Its workers have not come back yet.
        (ScalingDecision decision, bool changed) = next.Decide([("job", 1, 8, SlotsOfJob, 0)]);
        Assert.Equal((2, "measuring 2", false), (decision.Desired, decision.Jobs.Single().Reason, changed));
        Measure(next, 2, 200);
        Assert.Equal(3, Decide(next, 2));
    }

    [Fact]
    public void What_did_not_pay_is_not_tried_again_by_the_next_scheduler()
    {
        Scaler scaler = New();
        Decide(scaler, 1);
        Measure(scaler, 1, 100);
        Assert.Equal(2, Decide(scaler, 1));
        Measure(scaler, 2, 101);
        Assert.Equal(1, Decide(scaler, 2));

        Scaler next = New();
        next.Recall(ScalingMemory.FromJson(scaler.Memory.ToJson()));
        Measure(next, 1, 100);
        (ScalingDecision decision, _) = next.Decide([("job", 1, 8, SlotsOfJob, 1)]);
        Assert.Equal((1, "2 did not pay; tried again 5 min after"), (decision.Desired, decision.Jobs.Single().Reason));
    }

    [Fact]
    public void A_job_that_ends_is_the_reason_for_fewer_workers()
    {
        Scaler scaler = New();
        scaler.Decide([("a", 1, 1, SlotsOfJob, 0), ("b", 2, 2, SlotsOfJob, 0)]);
        (ScalingDecision decision, bool changed) = scaler.Decide([("b", 2, 2, SlotsOfJob, 2)]);
        Assert.Equal((2, true, "a wants no workers any more; b: measuring 2"), (decision.Desired, changed, decision.Reason));
        (decision, changed) = scaler.Decide([("b", 2, 2, SlotsOfJob, 2)]);
        Assert.Equal((2, false, "b: measuring 2"), (decision.Desired, changed, decision.Reason));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"desired":2,"reason":null,"jobs":{}}""")]
    [InlineData("""{"desired":2,"reason":"","jobs":{"job":{"speeds":{"x":1},"target":1,"since":"2020-01-01T00:00:00Z","retreated":null}}}""")]
    public void What_cannot_be_read_is_as_nothing(string? json)
    {
        Scaler scaler = New();
        scaler.Recall(ScalingMemory.FromJson(json));
        Assert.Equal(0, scaler.Last.Desired);
        Assert.Equal(1, Decide(scaler, 0));
    }

    private Scaler New() => new(new SpeedUpPolicy(new SpeedUpOptions()), int.MaxValue, _time);

    private static int Decide(Scaler scaler, int active) => scaler.Decide([("job", 1, 8, SlotsOfJob, active)]).Decision.Desired;

    /// <summary>Steps at a speed, for longer than a number is measured.</summary>
    /// <param name="speed">Samples a second.</param>
    private void Measure(Scaler scaler, int workers, double speed)
    {
        for (int step = 0; step < 10; step++)
        {
            scaler.Observe("job", Records.Step(step + 1) with { Samples = 100, StepMs = 100 / speed * 1000, SlotsByWorker = Enumerable.Range(0, workers).ToDictionary(w => $"worker-{w}", _ => 1) });
        }

        _time.Advance(TimeSpan.FromSeconds(11));
    }
}

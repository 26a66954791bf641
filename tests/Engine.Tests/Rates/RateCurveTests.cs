using CsCheck;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Optimizers;
using Lockstep.Engine.Rates;

namespace Lockstep.Engine.Tests.Rates;

public sealed class RateCurveTests
{
    private const int Steps = 100;

    /// <summary>A loss that falls from 2.5 to 0.5 along a logistic curve, which is steepest at its middle, and from a rate on grows tenfold a step.</summary>
    private static RatePoint[] Falling(double middle, double outOfHand, Func<int, double>? noise = null) => [.. Enumerable.Range(0, Steps).Select(i =>
    {
        double rate = Math.Pow(10, -6 + (7.0 * i / (Steps - 1)));
        double loss = 0.5 + (2 / (1 + Math.Exp(3 * (Math.Log10(rate) - Math.Log10(middle)))));
        return new RatePoint(rate, rate < outOfHand ? loss + (noise?.Invoke(i) ?? 0) : 10 * Math.Pow(10, i / 10.0));
    })];

    [Theory]
    [InlineData(1e-3)]
    [InlineData(1e-2)]
    public void The_rate_is_that_at_which_the_loss_falls_fastest(double middle)
    {
        RateCurve curve = RateCurve.Of(Falling(middle, 1));
        // Points are a factor of 1.18 apart.
        Assert.InRange(curve.Suggestion!.Value, middle / 1.18, middle * 1.18);
        Assert.True(curve.Diverged);
        Assert.All(curve.Points, point => Assert.True(point.Rate < 1.5));
        Assert.Contains("falls fastest there; it begins at 2.5, is least, 0.5", curve.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Noise_of_batches_moves_it_little() => Gen.Int[1, 1000].Sample(seed =>
    {
        var random = new Random(seed);
        RateCurve curve = RateCurve.Of(Falling(3e-3, 1, _ => (random.NextDouble() - 0.5) * 0.2));
        Assert.InRange(curve.Suggestion!.Value, 3e-4, 3e-2);
    }, iter: 200);

    [Fact]
    public void What_comes_after_it_got_out_of_hand_changes_nothing()
    {
        RatePoint[] points = Falling(1e-2, 0.1);
        int end = RateCurve.EndOf(points);
        RateCurve early = RateCurve.Of(points[..(end + 1)]);
        foreach (RatePoint[] more in new[] { points, [.. points[..(end + 1)], new RatePoint(5, double.NaN)], [.. points[..(end + 1)], new RatePoint(5, 0)] })
        {
            RateCurve late = RateCurve.Of(more);
            Assert.Equal((early.Suggestion, early.Reason, early.Points.Count), (late.Suggestion, late.Reason, late.Points.Count));
        }
    }

    [Fact]
    public void One_bad_batch_is_not_out_of_hand()
    {
        RatePoint[] points = Falling(1e-2, 1);
        int usual = RateCurve.EndOf(points);
        points[60] = points[60] with { Loss = 8 };
        Assert.Equal(usual, RateCurve.EndOf(points));
        points[60] = points[60] with { Loss = double.NaN };
        Assert.Equal(60, RateCurve.EndOf(points));
    }

    [Fact]
    public void Without_a_fall_or_with_too_few_steps_it_is_said_why_there_is_none()
    {
        RateCurve flat = RateCurve.Of([.. Enumerable.Range(0, Steps).Select(i => new RatePoint(Math.Pow(10, -6 + (i / 20.0)), 1 + (0.1 * (i % 3))))]);
        Assert.Null(flat.Suggestion);
        Assert.StartsWith("the loss does not fall by more than it varies from step to step anywhere between 1E-06 and 0.089", flat.Reason, StringComparison.Ordinal);

        RateCurve rising = RateCurve.Of([.. Enumerable.Range(0, Steps).Select(i => new RatePoint(Math.Pow(10, -6 + (i / 20.0)), 1 + (i / 50.0)))]);
        Assert.Null(rising.Suggestion);

        RateCurve atOnce = RateCurve.Of([.. Enumerable.Range(0, Steps).Select(i => new RatePoint(i + 1, Math.Pow(3, i)))]);
        Assert.Null(atOnce.Suggestion);
        Assert.Equal("the loss gets out of hand after 6 of 100 steps: begin at a smaller rate, by --from", atOnce.Reason);
        Assert.Null(RateCurve.Of([]).Suggestion);
    }

    [Fact]
    public void One_that_is_still_falling_at_the_end_says_so() =>
        Assert.Contains("the end of the range: a larger --to may show more", RateCurve.Of([.. Falling(1e-1, 1).Take(75)]).Reason, StringComparison.Ordinal);

    [Theory]
    [InlineData(1e-6, 10, 100)]
    [InlineData(1e-4, 0.5, 20)]
    public void Rates_rise_by_a_factor_from_the_first_to_the_last(double from, double to, int steps)
    {
        JobSpec job = RateTest.JobOf(Plain, from, to, steps);
        var schedule = new Schedule(job.Optimizer, job.Schedule, job.Steps!.Value);
        Assert.Equal(from, schedule.Rate(0));
        Assert.Equal(to, schedule.Rate(steps - 1), to * 1e-9);
        Assert.Equal(schedule.Rate(7) / schedule.Rate(6), schedule.Rate(3) / schedule.Rate(2), 1e-9);
        // It is a job like any other: a file can say it.
        Assert.Equal(JobFile.Hash(job), JobFile.Hash(JobFile.Parse(JobWriter.ToYaml(job), "job.yaml", "/", [])));
    }

    [Theory]
    [InlineData(0.1, 0.01, 100, "--from", "cannot rise from 0.1 to 0.01")]
    [InlineData(0, 1, 100, "--from", "cannot rise from 0 to 1")]
    [InlineData(double.NaN, 1, 100, "--from", "cannot rise")]
    [InlineData(1, 1e7, 100, "--from", "at most 1000000")]
    [InlineData(1e-6, 10, 5, "--steps", "5 steps are too few. Give 20 to 10000.")]
    [InlineData(1e-300, 10, 100, "--steps", "more than 10 times apart")]
    public void Rates_that_cannot_be_are_refused(double from, double to, int steps, string option, string message)
    {
        InputException refused = Assert.Throws<InputException>(() => RateTest.JobOf(Plain, from, to, steps));
        Assert.Equal(option, refused.Errors[0].File);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    private static JobSpec Plain => new() { Name = "plain", Model = new() { Preset = "mlp" }, Data = new() { Format = DataFormat.Csv, Train = "/data.csv", Labels = ["y"] }, Loss = LossKind.Mse, Epochs = 3, Schedule = new() { Kind = ScheduleKind.Cosine, WarmupSteps = 5 } };
}

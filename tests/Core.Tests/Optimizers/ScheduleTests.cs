using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Tests.Optimizers;

public sealed class ScheduleTests
{
    private static readonly OptimizerSpec Optimizer = new() { LearningRate = 0.2 };

    [Fact]
    public void Constant_stays() => Assert.Equal([0.2, 0.2, 0.2], Rates(new ScheduleSpec(), 10, 0, 5, 9));

    [Fact]
    public void Warm_up_rises_in_a_line_and_reaches_the_peak_at_its_last_step() =>
        Near([0.05, 0.1, 0.15, 0.2, 0.2], Rates(new ScheduleSpec { WarmupSteps = 4 }, 10, 0, 1, 2, 3, 4));

    [Fact]
    public void Steps_multiply_after_every_so_many_steps_since_warm_up() =>
        Near([0.2, 0.2, 0.1, 0.1, 0.05, 0.2 / 1024], Rates(new ScheduleSpec { Kind = ScheduleKind.Step, StepSize = 3, Gamma = 0.5, WarmupSteps = 2 }, 100, 2, 4, 5, 7, 8, 32));

    [Fact]
    public void A_factor_above_1_rises() => Near([0.2, 0.3, 0.45], Rates(new ScheduleSpec { Kind = ScheduleKind.Step, StepSize = 1, Gamma = 1.5 }, 100, 0, 1, 2));

    [Fact]
    public void A_cosine_falls_from_the_peak_to_its_fraction() => Gen.Select(Gen.Long[1, 3000], Gen.Long[0, 50], Gen.Double[0, 1]).Sample((steps, warmup, final) =>
    {
        var schedule = new Schedule(Optimizer, new ScheduleSpec { Kind = ScheduleKind.Cosine, WarmupSteps = warmup, FinalFraction = final }, steps + warmup);
        double last = double.PositiveInfinity;
        for (long step = 0; step <= steps; step += Math.Max(1, steps / 17))
        {
            double rate = schedule.Rate(warmup + step);
            double expected = 0.2 * (final + ((1 - final) * 0.5 * (1 + Math.Cos(Math.PI * step / steps))));
            Assert.InRange(rate, expected - 1e-15, expected + 1e-15);
            Assert.True(rate <= last + 1e-16);
            last = rate;
        }

        Near([0.2, 0.2 * final, 0.2 * final], [schedule.Rate(warmup), schedule.Rate(warmup + steps), schedule.Rate(warmup + steps + 1000)]);
    }, iter: 300);

    [Fact]
    public void Powers_are_as_exact_as_the_librarys() => Gen.Select(Gen.Double[0.1, 0.9999], Gen.Long[0, 100_000]).Sample((gamma, steps) =>
    {
        double rate = new Schedule(Optimizer, new ScheduleSpec { Kind = ScheduleKind.Step, StepSize = 1, Gamma = gamma }, steps + 1).Rate(steps);
        double expected = 0.2 * Math.Pow(gamma, steps);
        Assert.InRange(rate, expected * (1 - 1e-10), expected * (1 + 1e-10));
    });

    [Fact]
    public void A_job_shorter_than_its_warm_up_or_of_one_step_has_a_rate()
    {
        Near([0.02], Rates(new ScheduleSpec { Kind = ScheduleKind.Cosine, WarmupSteps = 10 }, 3, 0));
        Near([0.2], Rates(new ScheduleSpec { Kind = ScheduleKind.Cosine }, 1, 0));
    }

    [Fact]
    public void Restarts_begin_at_the_peak_again_and_may_last_longer_each_time()
    {
        Near([0.2, 0.11, 0.2, 0.11, 0.2], Rates(new ScheduleSpec { Kind = ScheduleKind.CosineRestarts, CycleSteps = 4, FinalFraction = 0.1 }, 100, 0, 2, 4, 6, 8));
        // Of 4, 12 and 36 steps.
        Near([0, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1], [0, .. Rates(new ScheduleSpec { Kind = ScheduleKind.CosineRestarts, CycleSteps = 4, CycleFactor = 3, WarmupSteps = 5 }, 100, 5, 7, 9, 15, 21, 39)]);
        Assert.InRange(Rates(new ScheduleSpec { Kind = ScheduleKind.CosineRestarts, CycleSteps = long.MaxValue / 2, CycleFactor = 100 }, long.MaxValue, long.MaxValue - 1)[0], 0, 0.2);
    }

    [Fact]
    public void One_cycle_rises_and_falls_as_torchs_does()
    {
        double Rise(double from, double to, double at) => to + ((from - to) * 0.5 * (1 + Math.Cos(Math.PI * at)));
        Near(
            [0.008, Rise(0.008, 0.2, 0.5), 0.2, Rise(0.2, 0, 1 / 7.0), Rise(0.2, 0, 6 / 7.0), 0],
            Rates(new ScheduleSpec { Kind = ScheduleKind.OneCycle }, 10, 0, 1, 2, 3, 8, 9));
        Near([0.02, 0.2, 0.0002], Rates(new ScheduleSpec { Kind = ScheduleKind.OneCycle, RiseFraction = 0.5, StartFraction = 0.1, FinalFraction = 0.001 }, 10, 0, 4, 9));
        Assert.All(Rates(new ScheduleSpec { Kind = ScheduleKind.OneCycle }, 1, 0), rate => Assert.InRange(rate, 0, 0.2));
    }

    private static double[] Rates(ScheduleSpec schedule, long total, params long[] steps) => [.. steps.Select(new Schedule(Optimizer, schedule, total).Rate)];

    private static void Near(double[] expected, double[] actual) => Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.Second, pair.First - 1e-15, pair.First + 1e-15));
}

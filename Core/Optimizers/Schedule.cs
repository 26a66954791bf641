using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Optimizers;

/// <summary>The learning rate of each step, in float64.</summary>
public sealed class Schedule(OptimizerSpec optimizer, ScheduleSpec schedule, long totalSteps)
{
    /// <param name="step">0 … totalSteps − 1. Warm-up rises linearly and reaches the peak at its last step.</param>
    public double Rate(long step)
    {
        double peak = optimizer.LearningRate;
        if (step < schedule.WarmupSteps)
        {
            return peak * (step + 1) / schedule.WarmupSteps;
        }

        long since = step - schedule.WarmupSteps;
        return peak * schedule.Kind switch
        {
            ScheduleKind.Step => FixedMath.Power(schedule.Gamma, since / Math.Max(1, schedule.StepSize)),
            ScheduleKind.Cosine => Cosine(1, schedule.FinalFraction, (double)since / Math.Max(1, totalSteps - schedule.WarmupSteps)),
            ScheduleKind.CosineRestarts => Cosine(1, schedule.FinalFraction, OfCycle(since)),
            ScheduleKind.OneCycle => OneCycle(step),
            _ => 1,
        };
    }

    /// <summary>How far the fall in hand has come, from 0 to below 1.</summary>
    private double OfCycle(long since)
    {
        Int128 length = Math.Max(1, schedule.CycleSteps ?? 1);
        Int128 at = since;
        int factor = schedule.CycleFactor ?? ScheduleSpec.UsualCycleFactor;
        if (factor <= 1)
        {
            return (double)(at % length) / (double)length;
        }

        while (at >= length)
        {
            at -= length;
            length *= factor;
        }

        return (double)at / (double)length;
    }

    /// <summary>Rises along a cosine, and falls along another to the last step, as torch's OneCycleLR.</summary>
    private double OneCycle(long step)
    {
        double top = ((schedule.RiseFraction ?? ScheduleSpec.UsualRise) * totalSteps) - 1;
        double start = schedule.StartFraction ?? ScheduleSpec.UsualStart;
        return step <= top ? Cosine(start, 1, top > 0 ? step / top : 1)
            : Cosine(1, schedule.FinalFraction, totalSteps - 1 > top ? (step - top) / (totalSteps - 1 - top) : 1);
    }

    /// <summary>From one fraction of the peak to another along half a cosine.</summary>
    private static double Cosine(double from, double to, double progress) => to + ((from - to) * 0.5 * (1 + FixedMath.CosPi(Math.Clamp(progress, 0, 1))));
}

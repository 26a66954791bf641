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
        switch (schedule.Kind)
        {
            case ScheduleKind.Step:
                return peak * FixedMath.Power(schedule.Gamma, since / Math.Max(1, schedule.StepSize));
            case ScheduleKind.Cosine:
                long length = Math.Max(1, totalSteps - schedule.WarmupSteps);
                double progress = Math.Clamp((double)since / length, 0, 1);
                return peak * (schedule.FinalFraction + ((1 - schedule.FinalFraction) * 0.5 * (1 + FixedMath.CosPi(progress))));
            default:
                return peak;
        }
    }
}

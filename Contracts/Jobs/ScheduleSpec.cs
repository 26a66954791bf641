namespace Lockstep.Contracts.Jobs;

public enum ScheduleKind { Constant = 1, Step = 2, Cosine = 3, CosineRestarts = 4, OneCycle = 5 }

public sealed record ScheduleSpec
{
    public const double LargestRate = 1e6;
    public const double LargestGamma = 10;
    public const int UsualCycleFactor = 1;
    public const double UsualRise = 0.3;
    public const double UsualStart = 0.04;

    public ScheduleKind Kind { get; init; } = ScheduleKind.Constant;
    /// <value>Steps of linear warm-up from 0. Default 0.</value>
    public long WarmupSteps { get; init; }
    /// <value>Step: every so many steps the rate is multiplied by Gamma.</value>
    public long StepSize { get; init; }
    public double Gamma { get; init; } = 0.1;
    /// <value>Cosine, restarts and one-cycle: fraction of the peak at the end. Default 0.</value>
    public double FinalFraction { get; init; }
    /// <value>Restarts: steps of the first fall.</value>
    public long? CycleSteps { get; init; }
    /// <value>Restarts: how many times as long each fall is as the one before. Null: 1.</value>
    public int? CycleFactor { get; init; }
    /// <value>One-cycle: fraction of the steps in which the rate rises. Null: 0.3.</value>
    public double? RiseFraction { get; init; }
    /// <value>One-cycle: fraction of the peak at the beginning. Null: 0.04.</value>
    public double? StartFraction { get; init; }
}

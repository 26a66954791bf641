namespace Lockstep.Contracts.Jobs;

/// <summary>Numbers of a loss. Each goes with some losses, as docs/job-file.md says.</summary>
public sealed record LossOptions
{
    public const double LargestWeight = 1e6;
    public const double LargestFocus = 100;

    /// <value>cross-entropy: the part of the target that all classes share, in [0, 1). Null: 0.</value>
    public double? LabelSmoothing { get; init; }

    /// <value>Losses over classes: γ of the factor (1 − p)^γ, where p is the probability of the right class. Null: 0, no factor.</value>
    public double? Focal { get; init; }

    /// <value>binary-cross-entropy: what the second class's part counts. Null: 1.</value>
    public double? PosWeight { get; init; }

    /// <value>huber: errors beyond it count in proportion, those below it by their squares. Null: 1.</value>
    public double? Delta { get; init; }
}

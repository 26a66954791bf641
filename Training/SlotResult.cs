namespace Lockstep.Training;

/// <summary>What one slot of a step reports beside its gradient.</summary>
/// <param name="Samples">Samples of the slot.</param>
/// <param name="LossSum">Sum of their losses.</param>
public readonly record struct SlotResult(int Samples, double LossSum);

namespace Lockstep.Core.Metrics;

/// <summary>What one slot of an evaluation found.</summary>
/// <param name="Parts">Additive sums, one group a metric, in the job's order.</param>
/// <param name="Scores">For auc and recall-at-precision: one a sample; else empty.</param>
/// <param name="Labels">For these: 0 or 1 a sample; else empty.</param>
public sealed record EvaluationPart(long Samples, double LossSum, double[] Parts, float[] Scores, float[] Labels);

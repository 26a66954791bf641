using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Metrics;

/// <summary>What ps-0 must know of a job to tell which of its versions is the best.</summary>
/// <param name="Labels">Columns of labels.</param>
/// <param name="Own">Metrics that the model brings; null: none.</param>
/// <param name="AtPrecision">Of recall-at-precision; null: the usual one.</param>
public sealed record BestPlan(BestSpec Rule, LossKind Loss, IReadOnlyList<MetricKind> Metrics, int Labels, IReadOnlyList<string>? Own = null, double? AtPrecision = null)
{
    /// <param name="labels">Columns of labels.</param>
    /// <returns>Null: the job keeps its last version.</returns>
    public static BestPlan? Of(JobSpec job, int labels) => job.Best is { } rule ? new BestPlan(rule, job.Loss, job.Metrics, labels, job.Model.Metrics, job.AtPrecision) : null;

    /// <summary>Whether a part has what the metrics ask for.</summary>
    public bool Fits(IReadOnlyList<string> classNames, EvaluationPart part) => part.Samples >= 0 && part.Parts.Length == Layout(classNames).Count && part.Scores.Length == part.Labels.Length;

    /// <summary>The state after an evaluation.</summary>
    /// <param name="parts">In slot order, each of which fits.</param>
    public BestState Take(BestState before, long version, IReadOnlyList<string> classNames, IReadOnlyList<EvaluationPart> parts)
    {
        IReadOnlyDictionary<string, double> values = MetricMath.Finish(Layout(classNames), classNames, parts).Values;
        return before.With(Rule, version, values.TryGetValue(Rule.Metric, out double value) ? value : null);
    }

    private MetricLayout Layout(IReadOnlyList<string> classNames) => new(Loss, Metrics, classNames.Count, Labels, Own, AtPrecision);
}

using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Metrics;

/// <summary>Which numbers of <see cref="EvaluationPart.Parts"/> are whose. Accuracy, top-k, perplexity, mae and rmse have one number each; mape has two, r2 three a label; those that count classes share one <see cref="ClassTally"/>; auc and recall-at-precision have none, as they go by scores; those that a model brings follow, one each.</summary>
public sealed class MetricLayout
{
    private const double UsualPrecision = 0.9;

    private readonly Dictionary<MetricKind, int> _first = [];

    /// <param name="classes">0: the labels are numbers.</param>
    /// <param name="labels">Columns of labels.</param>
    /// <param name="own">Metrics that the model brings; null: none.</param>
    /// <param name="atPrecision">Of recall-at-precision; null: the usual one.</param>
    public MetricLayout(LossKind loss, IReadOnlyList<MetricKind> metrics, int classes, int labels, IReadOnlyList<string>? own = null, double? atPrecision = null)
    {
        if (!Enum.IsDefined(loss))
        {
            throw new ArgumentOutOfRangeException(nameof(loss), loss, "There is no such loss.");
        }

        (Loss, Metrics, Labels, Own, AtPrecision) = (loss, metrics, labels, own ?? [], atPrecision ?? UsualPrecision);
        foreach (MetricKind metric in metrics.Where(m => !CountsClasses(m)))
        {
            _first[metric] = Count;
            Count += metric switch
            {
                MetricKind.Auc or MetricKind.RecallAtPrecision => 0,
                MetricKind.Mape => 2,
                MetricKind.R2 => 3 * labels,
                _ => 1,
            };
        }

        if (metrics.Any(CountsClasses))
        {
            Tally = new ClassTally(classes, metrics.Contains(MetricKind.Confusion), Count);
            Count += Tally.Length;
        }

        FirstOwn = Count;
        Count += Own.Count;
    }

    /// <param name="classes">0: the labels are numbers.</param>
    /// <param name="labels">Columns of labels.</param>
    public static MetricLayout Of(JobSpec job, int classes, int labels) => new(job.Loss, job.Metrics, classes, labels, job.Model.Metrics, job.AtPrecision);

    public LossKind Loss { get; }

    /// <value>In the job's order.</value>
    public IReadOnlyList<MetricKind> Metrics { get; }

    public int Labels { get; }

    /// <value>Of recall-at-precision: the precision that must be had.</value>
    public double AtPrecision { get; }

    /// <value>Metrics that the model brings: of each the sum over samples.</value>
    public IReadOnlyList<string> Own { get; }

    /// <value>Where their numbers begin.</value>
    public int FirstOwn { get; }

    /// <value>Numbers in all.</value>
    public int Count { get; }

    /// <value>Null: no metric counts classes.</value>
    public ClassTally? Tally { get; }

    /// <summary>Where a metric's numbers begin that does not count classes.</summary>
    public int First(MetricKind metric) => _first[metric];

    private static bool CountsClasses(MetricKind metric) => metric is MetricKind.F1 or MetricKind.Precision or MetricKind.Recall or MetricKind.Confusion;
}

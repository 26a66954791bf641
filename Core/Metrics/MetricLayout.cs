using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Metrics;

/// <summary>Which numbers of <see cref="EvaluationPart.Parts"/> are whose. Accuracy, top-k, perplexity, mae and rmse have one number each; mape has two, r2 three a label; those that count classes share one <see cref="ClassTally"/>; auc has none, as it goes by scores; those that a model brings follow, one each.</summary>
public sealed class MetricLayout
{
    private readonly Dictionary<MetricKind, int> _first = [];

    /// <param name="classes">0: the labels are numbers.</param>
    /// <param name="labels">Columns of labels.</param>
    /// <param name="own">Metrics that the model brings; null: none.</param>
    public MetricLayout(LossKind loss, IReadOnlyList<MetricKind> metrics, int classes, int labels, IReadOnlyList<string>? own = null)
    {
        if (!Enum.IsDefined(loss))
        {
            throw new ArgumentOutOfRangeException(nameof(loss), loss, "There is no such loss.");
        }

        (Loss, Metrics, Labels, Own) = (loss, metrics, labels, own ?? []);
        foreach (MetricKind metric in metrics.Where(m => !CountsClasses(m)))
        {
            _first[metric] = Count;
            Count += metric switch
            {
                MetricKind.Auc => 0,
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
    public static MetricLayout Of(JobSpec job, int classes, int labels) => new(job.Loss, job.Metrics, classes, labels, job.Model.Metrics);

    public LossKind Loss { get; }

    /// <value>In the job's order.</value>
    public IReadOnlyList<MetricKind> Metrics { get; }

    public int Labels { get; }

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

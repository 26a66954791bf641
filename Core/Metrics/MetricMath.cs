using Lockstep.Contracts.Jobs;

namespace Lockstep.Core.Metrics;

/// <summary>Turns the parts of an evaluation into numbers. The same parts in the same order give the same bits.</summary>
public static class MetricMath
{
    /// <summary>Adds the parts in the order given and finishes each metric.</summary>
    /// <param name="metrics">As in the job. Each but auc has one number in <see cref="EvaluationPart.Parts"/>: accuracy the samples that are right; mae and rmse the sum over samples of the error's magnitude or square, mean over label columns.</param>
    /// <param name="partsInSlotOrder">One a slot; all of them.</param>
    /// <param name="own">Metrics of a model of one's own, in order: each has one more number, the sum over samples.</param>
    /// <returns><c>loss</c> (mean over samples), then <c>accuracy</c>, <c>mae</c>, <c>rmse</c>, <c>auc</c> as wanted. NaN without a sample, and for auc where one class is missing.</returns>
    /// <exception cref="ArgumentException">A part has another number of sums than the metrics need.</exception>
    public static IReadOnlyDictionary<string, double> Finish(LossKind loss, IReadOnlyList<MetricKind> metrics, IEnumerable<EvaluationPart> partsInSlotOrder, IReadOnlyList<string>? own = null)
    {
        if (!Enum.IsDefined(loss))
        {
            throw new ArgumentOutOfRangeException(nameof(loss), loss, "There is no such loss.");
        }

        var sums = new double[metrics.Count(m => m != MetricKind.Auc) + (own?.Count ?? 0)];
        var lossSum = 0.0;
        var samples = 0L;
        var scores = new List<float>();
        var labels = new List<float>();
        foreach (var part in partsInSlotOrder)
        {
            if (part.Parts.Length != sums.Length || part.Scores.Length != part.Labels.Length)
            {
                throw new ArgumentException($"A part of an evaluation has {part.Parts.Length} sums, {part.Scores.Length} scores and {part.Labels.Length} labels; {sums.Length} sums are needed.", nameof(partsInSlotOrder));
            }

            lossSum += part.LossSum;
            samples += part.Samples;
            for (var i = 0; i < sums.Length; i++)
            {
                sums[i] += part.Parts[i];
            }

            scores.AddRange(part.Scores);
            labels.AddRange(part.Labels);
        }

        var result = new Dictionary<string, double>(StringComparer.Ordinal) { ["loss"] = lossSum / samples };
        var next = 0;
        foreach (var metric in metrics)
        {
            result[metric.ToString().ToLowerInvariant()] = metric switch
            {
                MetricKind.Rmse => Math.Sqrt(sums[next++] / samples),
                MetricKind.Auc => Auc([.. scores], [.. labels]),
                _ => sums[next++] / samples,
            };
        }

        foreach (string name in own ?? [])
        {
            result[name] = sums[next++] / samples;
        }

        return result;
    }

    /// <summary>
    /// Area under the ROC curve, exactly: the probability that a positive sample scores above a negative one, ties counting half
    /// (Mann–Whitney U by mid-ranks).
    /// </summary>
    /// <param name="labels">Positive where above 0.5; one a score.</param>
    /// <returns>NaN where one of the classes has no sample or a score is NaN.</returns>
    public static double Auc(float[] scores, float[] labels)
    {
        var sortedScores = (float[])scores.Clone();
        var sortedLabels = (float[])labels.Clone();
        Array.Sort(sortedScores, sortedLabels);
        var positives = sortedLabels.LongCount(l => l > 0.5f);
        var negatives = labels.LongLength - positives;
        if (positives == 0 || negatives == 0 || float.IsNaN(sortedScores[0]))
        {
            return double.NaN;
        }

        // Twice the rank sum keeps mid-ranks whole numbers, so nothing is rounded before the division.
        Int128 doubledRanks = 0;
        for (var start = 0; start < sortedScores.Length;)
        {
            var end = start;
            var positivesHere = 0;
            for (; end < sortedScores.Length && sortedScores[end] == sortedScores[start]; end++)
            {
                positivesHere += sortedLabels[end] > 0.5f ? 1 : 0;
            }

            doubledRanks += (Int128)positivesHere * (start + 1 + end);
            start = end;
        }

        var doubledU = doubledRanks - ((Int128)positives * (positives + 1));
        return (double)doubledU / ((double)positives * negatives * 2);
    }
}

namespace Lockstep.Core.Metrics;

/// <summary>What the scores of two classes say of them, exactly: nothing is sorted into bins.</summary>
public static class ScoreCurves
{
    /// <summary>
    /// Area under the ROC curve, exactly: the probability that a positive sample scores above a negative one, ties counting half
    /// (Mann–Whitney U by mid-ranks).
    /// </summary>
    /// <param name="labels">Positive where above 0.5; one a score.</param>
    /// <returns>NaN where one of the classes has no sample or a score is NaN.</returns>
    public static double Auc(float[] scores, float[] labels)
    {
        if (Sort(scores, labels) is not var (sorted, positive, positives))
        {
            return double.NaN;
        }

        // Twice the rank sum keeps mid-ranks whole numbers, so nothing is rounded before the division.
        Int128 doubledRanks = 0;
        for (var start = 0; start < sorted.Length;)
        {
            var end = start;
            var positivesHere = 0;
            for (; end < sorted.Length && sorted[end] == sorted[start]; end++)
            {
                positivesHere += positive[end] ? 1 : 0;
            }

            doubledRanks += (Int128)positivesHere * (start + 1 + end);
            start = end;
        }

        var doubledU = doubledRanks - ((Int128)positives * (positives + 1));
        return (double)doubledU / ((double)positives * (sorted.LongLength - positives) * 2);
    }

    /// <summary>
    /// The largest recall of the positive class over all thresholds at which its precision is no less than one that is given. At a threshold the samples are called positive that score no less than it, so that equal scores go together.
    /// </summary>
    /// <param name="labels">Positive where above 0.5; one a score.</param>
    /// <returns>0 where no threshold has that precision; NaN where one of the classes has no sample or a score is NaN.</returns>
    public static double RecallAtPrecision(float[] scores, float[] labels, double precision)
    {
        if (Sort(scores, labels) is not var (sorted, positive, positives))
        {
            return double.NaN;
        }

        long right = 0, best = 0;
        for (int i = sorted.Length - 1; i >= 0; i--)
        {
            right += positive[i] ? 1 : 0;
            if ((i == 0 || sorted[i - 1] != sorted[i]) && (double)right / (sorted.Length - i) >= precision)
            {
                best = right;
            }
        }

        return (double)best / positives;
    }

    /// <summary>By score, the least first.</summary>
    /// <returns>Null: one of the classes has no sample, or a score is NaN.</returns>
    private static (float[] Sorted, bool[] Positive, long Positives)? Sort(float[] scores, float[] labels)
    {
        var sorted = (float[])scores.Clone();
        bool[] positive = [.. labels.Select(label => label > 0.5f)];
        Array.Sort(sorted, positive);
        var positives = positive.LongCount(isPositive => isPositive);
        return positives == 0 || positives == positive.LongLength || float.IsNaN(sorted[0]) ? null : (sorted, positive, positives);
    }
}

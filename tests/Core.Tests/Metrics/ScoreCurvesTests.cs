using CsCheck;
using Lockstep.Core.Metrics;

namespace Lockstep.Core.Tests.Metrics;

public sealed class ScoreCurvesTests
{
    [Fact]
    public void Auc_is_the_share_of_pairs_in_order_with_ties_for_a_half() =>
        Gen.Select(Gen.OneOf(Gen.Int[-3, 3].Select(s => s / 4f), Floats.Finite), Gen.OneOf(0f, 1f)).Array[0, 60].Sample(samples =>
        {
            float[] positives = [.. samples.Where(s => s.Item2 > 0.5f).Select(s => s.Item1)], negatives = [.. samples.Where(s => s.Item2 <= 0.5f).Select(s => s.Item1)];
            double auc = ScoreCurves.Auc([.. samples.Select(s => s.Item1)], [.. samples.Select(s => s.Item2)]);
            if (positives.Length == 0 || negatives.Length == 0)
            {
                Assert.True(double.IsNaN(auc));
                return;
            }

            long halves = positives.Sum(p => negatives.Sum(n => p > n ? 2L : p == n ? 1 : 0));
            Assert.Equal((double)halves / (2.0 * positives.Length * negatives.Length), auc);
        }, iter: 3000);

    [Fact]
    public void Auc_knows_infinities_and_refuses_to_order_what_is_no_number()
    {
        Assert.Equal(1, ScoreCurves.Auc([float.NegativeInfinity, float.PositiveInfinity], [0, 1]));
        Assert.Equal(0.5, ScoreCurves.Auc([0f, -0f], [0, 1]));
        Assert.True(double.IsNaN(ScoreCurves.Auc([1, float.NaN, 2], [0, 1, 1])));
        Assert.True(double.IsNaN(ScoreCurves.Auc([], [])));
    }

    [Fact]
    public void Auc_leaves_its_arguments_alone()
    {
        float[] scores = [3, 1, 2], labels = [0, 1, 1];
        ScoreCurves.Auc(scores, labels);
        Assert.Equal([3, 1, 2], scores);
        Assert.Equal([0, 1, 1], labels);
    }

    [Theory]
    // By score from above, of six: + − + + − −, then the two last of one score.
    [InlineData(1.0, 1.0 / 3)]
    [InlineData(0.76, 1.0 / 3)]
    [InlineData(0.75, 1.0)]
    [InlineData(0.5, 1.0)]
    public void Recall_at_a_precision_is_the_largest_of_all_thresholds(double precision, double recall) =>
        Assert.Equal(recall, ScoreCurves.RecallAtPrecision([0.9f, 0.1f, 0.8f, 0.6f, 0.7f, 0.1f], [1, 0, 0, 1, 1, 0], precision));

    [Fact]
    public void Recall_at_a_precision_takes_equal_scores_together_and_is_none_of_one_class()
    {
        // At 2 one of two is right, and at 1 two of four are.
        Assert.Equal(1, ScoreCurves.RecallAtPrecision([2, 2, 1, 1], [1, 0, 1, 0], 0.5));
        Assert.Equal(0, ScoreCurves.RecallAtPrecision([2, 2, 1, 1], [1, 0, 1, 0], 0.51));
        // 7 of 100, which is 0.07 and neither more nor less.
        Assert.Equal(1, ScoreCurves.RecallAtPrecision(new float[100], [.. Enumerable.Range(0, 100).Select(i => i < 7 ? 1f : 0)], 0.07));
        Assert.True(double.IsNaN(ScoreCurves.RecallAtPrecision([1, 2], [1, 1], 0.5)));
        Assert.True(double.IsNaN(ScoreCurves.RecallAtPrecision([1, float.NaN], [1, 0], 0.5)));
    }

    [Fact]
    public void Recall_at_a_precision_is_what_trying_all_thresholds_gives() =>
        Gen.Select(Gen.Select(Gen.Int[-3, 3].Select(s => s / 4f), Gen.OneOf(0f, 1f)).Array[1, 40], Gen.Int[1, 10]).Sample((samples, tenths) =>
        {
            double precision = tenths / 10.0, positives = samples.Count(s => s.Item2 > 0.5f);
            double value = ScoreCurves.RecallAtPrecision([.. samples.Select(s => s.Item1)], [.. samples.Select(s => s.Item2)], precision);
            if (positives == 0 || positives == samples.Length)
            {
                Assert.True(double.IsNaN(value));
                return;
            }

            double best = samples.Select(s => s.Item1).Select(threshold => samples.Where(s => s.Item1 >= threshold).ToArray()).Where(said => (double)said.Count(s => s.Item2 > 0.5f) / said.Length >= precision).Select(said => said.Count(s => s.Item2 > 0.5f) / positives).DefaultIfEmpty(0).Max();
            Assert.Equal(best, value);
        }, iter: 2000);
}

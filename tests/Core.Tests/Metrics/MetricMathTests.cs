using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Metrics;

namespace Lockstep.Core.Tests.Metrics;

public sealed class MetricMathTests
{
    [Fact]
    public void Parts_are_added_and_finished_metric_by_metric()
    {
        EvaluationPart[] parts = [new(3, 1.5, [2, 6, 12], [0.1f, 0.9f, 0.2f], [0, 1, 1]), new(0, 0, [0, 0, 0], [], []), new(1, 0.5, [1, 2, 4], [0.8f], [0])];
        IReadOnlyDictionary<string, double> result = Finish(LossKind.BinaryCrossEntropy, [MetricKind.Accuracy, MetricKind.Auc, MetricKind.Mae, MetricKind.Rmse], parts);
        Assert.Equal(["loss", "accuracy", "auc", "mae", "rmse"], result.Keys);
        Assert.Equal((0.5, 0.75, 0.75, 2, 2), (result["loss"], result["accuracy"], result["auc"], result["mae"], result["rmse"]));
    }

    [Fact]
    public void Parts_are_added_in_the_order_given()
    {
        // In float64 (1e16 + 1) + 1 is 1e16, and 1 + 1 + 1e16 is more.
        EvaluationPart large = new(1, 1e16, [], [], []), small = new(1, 1, [], [], []);
        Assert.Equal(1e16 / 3, Finish(LossKind.Mse, [], [large, small, small])["loss"]);
        Assert.Equal((1e16 + 2) / 3, Finish(LossKind.Mse, [], [small, small, large])["loss"]);
        Assert.NotEqual(1e16 / 3, (1e16 + 2) / 3);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Finish(LossKind.Mse, [MetricKind.Mae], [new(1, 1, [], [], [])]));
        Assert.Throws<ArgumentException>(() => Finish(LossKind.Mse, [MetricKind.Auc], [new(1, 1, [], [1], [])]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Finish(default, [], []));
        Assert.True(double.IsNaN(Finish(LossKind.Mse, [], [])["loss"]));
    }

    /// <summary>Means and squared deviations of any split of the labels are those of all of them, also far from 0.</summary>
    [Fact]
    public void The_explained_variance_does_not_depend_on_how_samples_lie_in_slots() =>
        Gen.Select(Gen.Int[-40, 40].Array[2, 60], Gen.Int[0, 20].Array[1, 8], Gen.OneOf(0.0, 1e9)).Sample((steps, sizes, offset) =>
        {
            double[] labels = [.. steps.Select(s => offset + (s / 8.0))];
            if (labels.Distinct().Count() == 1)
            {
                return;
            }

            var parts = new List<EvaluationPart>();
            for (int at = 0, slot = 0; at < labels.Length; slot++)
            {
                double[] mine = [.. labels.Skip(at).Take(at == 0 || slot % 3 > 0 ? sizes[slot % sizes.Length] + 1 : 0)];
                double mean = mine.Length > 0 ? mine.Average() : 0;
                parts.Add(new(mine.Length, 0, [mine.Length * 0.25, mean, mine.Sum(l => (l - mean) * (l - mean))], [], []));
                at += mine.Length;
            }

            double exact = labels.Sum(l => (l - offset - labels.Average(o => o - offset)) * (l - offset - labels.Average(o => o - offset)));
            Assert.Equal(1 - (labels.Length * 0.25 / exact), Finish(LossKind.Mse, [MetricKind.R2], [.. parts])["r2"], 1e-5 * labels.Length / exact);
        }, iter: 1000);

    private static IReadOnlyDictionary<string, double> Finish(LossKind loss, MetricKind[] metrics, EvaluationPart[] parts) => MetricMath.Finish(new MetricLayout(loss, metrics, 0, 1), ["0", "1"], parts).Values;
}

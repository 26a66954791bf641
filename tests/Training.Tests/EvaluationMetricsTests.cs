using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Metrics;
using Lockstep.Data;
using static Lockstep.Training.Tests.Jobs;

namespace Lockstep.Training.Tests;

/// <summary>
/// Metrics beside scikit-learn 1.2.1. Its figures are those of sklearn.metrics (precision_score, recall_score and f1_score, average='macro' for four classes; confusion_matrix, roc_auc_score,
/// r2_score, mean_absolute_percentage_error, mean_absolute_error) and of compute_class_weight('balanced') on the samples that the methods here make; numpy's integers and float32 make the same.
/// </summary>
public sealed class EvaluationMetricsTests
{
    private const int Samples = 60;

    private static int Label(int i) => (((i * i) + (3 * i)) / 2) % 4;

    private static int Said(int i) => (Label(i) + (i % 5 == 0 ? 1 : 0) + (i % 7 == 3 ? 2 : 0)) % 4;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Classes_are_counted_as_scikit_learn_counts_them(bool wantsMatrix)
    {
        MetricKind[] metrics = [MetricKind.Precision, MetricKind.Recall, MetricKind.F1, MetricKind.Accuracy, .. wantsMatrix ? [MetricKind.Confusion] : Array.Empty<MetricKind>()];
        Measurement measured = Measure(LossKind.CrossEntropy, metrics, 4, i => OneHot(Said(i), 4), i => [Label(i)]);

        Assert.Equal(["loss", "precision", "recall", "f1", "accuracy"], measured.Values.Keys);
        Assert.Equal(0.6852678571428571, measured.Values["precision"], 1e-15);
        Assert.Equal(0.6825892857142857, measured.Values["recall"], 1e-15);
        Assert.Equal(0.6835347807087239, measured.Values["f1"], 1e-15);
        Assert.Equal(0.6833333333333333, measured.Values["accuracy"], 1e-15);
        Assert.Equal([0.625, 0.6875, 0.78571429, 0.64285714], measured.Details!.Classes!.Select(c => Math.Round(c.Precision, 8)));
        Assert.Equal([0.66666667, 0.6875, 0.73333333, 0.64285714], measured.Details.Classes!.Select(c => Math.Round(c.Recall, 8)));
        Assert.Equal([0.64516129, 0.6875, 0.75862069, 0.64285714], measured.Details.Classes!.Select(c => Math.Round(c.F1, 8)));
        Assert.Equal([15L, 16, 15, 14], measured.Details.Classes!.Select(c => c.Samples));
        Assert.Null(measured.Details.Remarks);
        long[][] matrix = [[10, 3, 1, 1], [1, 11, 2, 2], [2, 0, 11, 2], [3, 2, 0, 9]];
        if (wantsMatrix)
        {
            Assert.Equal(matrix, measured.Details.Confusion!.Select(row => row.ToArray()));
        }
        else
        {
            Assert.Null(measured.Details.Confusion);
        }
    }

    [Fact]
    public void A_class_that_is_never_predicted_counts_and_is_named_and_one_that_is_nowhere_does_not_count()
    {
        Measurement measured = Measure(LossKind.CrossEntropy, [MetricKind.Precision, MetricKind.Recall, MetricKind.F1], 5, i => OneHot(Said(i) == 3 ? 0 : Said(i), 5), i => [Label(i)]);

        Assert.Equal(0.45997023809523807, measured.Values["precision"], 1e-15);
        Assert.Equal(0.5385416666666667, measured.Values["recall"], 1e-15);
        Assert.Equal(0.4837523946360153, measured.Values["f1"], 1e-15);
        Assert.Equal("class 3: never predicted, which counts as 0; class 4: without a sample, and never predicted, which does not count", measured.Details!.Remarks!["precision"]);
        Assert.Equal("class 4: without a sample, and never predicted, which does not count", measured.Details.Remarks["recall"]);
    }

    [Fact]
    public void Of_two_classes_told_apart_by_one_output_the_second_is_measured()
    {
        Measurement measured = Measure(
            LossKind.BinaryCrossEntropy,
            [MetricKind.Precision, MetricKind.Recall, MetricKind.F1, MetricKind.Accuracy, MetricKind.Auc, MetricKind.Confusion, MetricKind.RecallAtPrecision],
            2,
            i => [(((i * 37) % 41) - 20) / 16f + (Label(i) % 2) - 0.5f],
            i => [Label(i) % 2]);

        Assert.Equal(["loss", "precision", "recall", "f1", "accuracy", "auc", "recall-at-precision"], measured.Values.Keys);
        Assert.All(["precision", "recall", "f1", "accuracy"], name => Assert.Equal(0.7, measured.Values[name], 1e-15));
        Assert.Equal(0.8177777777777778, measured.Values["auc"], 1e-15);
        // The largest recall of scikit-learn's precision_recall_curve where the precision is 0.9 or more.
        Assert.Equal(0.43333333333333335, measured.Values["recall-at-precision"], 1e-15);
        Assert.Equal([[21, 9], [9, 21]], measured.Details!.Confusion!.Select(row => row.ToArray()));
    }

    [Fact]
    public void Without_a_second_class_it_is_said_why_there_is_no_auc()
    {
        Measurement measured = Measure(LossKind.BinaryCrossEntropy, [MetricKind.Auc, MetricKind.Precision, MetricKind.RecallAtPrecision], 2, i => [-1 - i], _ => [1]);

        Assert.Equal(["loss", "precision"], measured.Values.Keys);
        Assert.All(["auc", "recall-at-precision"], name => Assert.Equal("all 60 samples are of class 1: there is no second class to tell it from", measured.Details!.Remarks![name]));
        Assert.Equal("class 1: never predicted, which counts as 0", measured.Details!.Remarks!["precision"]);
    }

    [Fact]
    public void A_precision_that_no_threshold_has_is_told()
    {
        Measurement measured = Measure(LossKind.BinaryCrossEntropy, [MetricKind.RecallAtPrecision], 2, i => [i % 2], i => [i % 4 == 0 ? 1 : 0]);
        Assert.Equal(0, measured.Values["recall-at-precision"]);
        Assert.Equal("no threshold has a precision of 0.9, which counts as 0", measured.Details!.Remarks!["recall-at-precision"]);
    }

    /// <summary>The second column is far from 0, where sums of squares lose all that varies.</summary>
    [Fact]
    public void Numbers_are_measured_as_scikit_learn_measures_them()
    {
        Measurement measured = MeasureNumbers([MetricKind.R2, MetricKind.Mape, MetricKind.Mae, MetricKind.Rmse]);

        Assert.Equal(["loss", "r2", "mape", "mae", "rmse"], measured.Values.Keys);
        Assert.Equal(0.983539621244412, measured.Values["r2"], 1e-12);
        Assert.Equal(0.16570374763462006, measured.Values["mape"], 1e-12);
        Assert.Equal(0.9666666666666667, measured.Values["mae"], 1e-12);
        Assert.Equal(1.1226827987756232, measured.Values["rmse"], 1e-12);
        Assert.Null(measured.Details);
    }

    [Fact]
    public void A_percentage_is_of_the_label_in_its_own_unit_and_there_is_none_of_a_zero()
    {
        // In their own unit: labels 30, 10, −10 and so on, and outputs 2 beside them.
        float[] labels = [3, 1, -1];
        Measurement measured = Measure(LossKind.Mse, [MetricKind.Mape, MetricKind.R2], null, i => [labels[i % 3] + 0.2f], i => [labels[i % 3]], [new LabelScale(10, 0)]);
        Assert.Equal(((2 / 30.0) + (2 / 10.0) + (2 / 10.0)) / 3, measured.Values["mape"], 1e-7);
        Assert.Equal(1 - (0.04 / (8 / 3.0)), measured.Values["r2"], 1e-6);

        // 20 off: the second label is 0 in its own unit, though not quite where it was scaled.
        Measurement none = Measure(LossKind.Mse, [MetricKind.Mape, MetricKind.R2], null, i => [1], i => [(float)((-20 + (10 * (i % 3))) / 30.0)], [new LabelScale(30, 20)]);
        Assert.Equal(["loss", "r2"], none.Values.Keys);
        Assert.Equal("20 labels of 60 are 0, of which no percentage can be had; measure mae or rmse", none.Details!.Remarks!["mape"]);
    }

    [Fact]
    public void Labels_that_are_all_equal_leave_nothing_to_explain()
    {
        Measurement measured = Measure(LossKind.Mse, [MetricKind.R2], null, i => [i], _ => [1.25f]);
        Assert.Equal(["loss"], measured.Values.Keys);
        Assert.Equal("all labels are equal: there is nothing that varies", measured.Details!.Remarks!["r2"]);
    }

    [Fact]
    public void Balanced_weights_are_those_of_scikit_learn_and_others_go_by_name()
    {
        NormalizationTable table = Table(["a", "b", "c"], [10, 5, 25]);
        Assert.Equal([1.3333333333333333f, 2.6666666666666665f, 0.5333333333333333f], ClassWeighting.Of(new ClassWeights(null), table)!);
        Assert.Equal([1, 2.5f, 1], ClassWeighting.Of(new ClassWeights(new Dictionary<string, double> { ["b"] = 2.5 }), table)!);
        Assert.Null(ClassWeighting.Of(null, table));
        // The fourth class is in the validation data alone.
        Assert.Equal(1, ClassWeighting.Of(new ClassWeights(null), Table(["0", "1", "2", "3"], [10, 5, 25]))![3]);

        var unknown = Assert.Throws<Contracts.InputException>(() => ClassWeighting.Of(new ClassWeights(new Dictionary<string, double> { ["d"] = 2 }), table));
        Assert.Equal("job file: 'classWeights' names 'd', which is no class. The classes are a, b, c.", unknown.Message);
    }

    [Fact]
    public void Perplexity_and_the_best_k_go_by_the_outputs()
    {
        float[] Output(int i) => [i % 3, (i * 7) % 5, (i * 5) % 4, 1, (i * i) % 3];
        Measurement measured = Measure(LossKind.CrossEntropy, [MetricKind.TopK, MetricKind.Perplexity, MetricKind.Accuracy], 5, Output, i => [(i * 3) % 5], topK: 2);
        double surprise = 0, among = 0;
        for (int i = 0; i < Samples; i++)
        {
            float[] row = Output(i);
            int label = (i * 3) % 5;
            surprise -= Math.Log(Math.Exp(row[label]) / row.Sum(value => Math.Exp(value))) / Samples;
            // A stable order: of equal ones the first comes first.
            among += Enumerable.Range(0, 5).OrderByDescending(c => row[c]).Take(2).Contains(label) ? 1.0 / Samples : 0;
        }

        Assert.Equal(["loss", "top-k", "perplexity", "accuracy"], measured.Values.Keys);
        Assert.Equal(Math.Exp(surprise), measured.Values["perplexity"], 1e-9);
        Assert.Equal(Math.Exp(measured.Values["loss"]), measured.Values["perplexity"], 1e-4);
        Assert.Equal(among, measured.Values["top-k"], 1e-12);
        Assert.True(measured.Values["accuracy"] < measured.Values["top-k"]);
    }

    [Fact]
    public void Each_position_of_a_sequence_is_measured()
    {
        JobSpec job = Of(LossKind.CrossEntropy, new LayerSpec { Kind = LayerKind.Embedding, Out = 3, Size = 3 }, new LayerSpec { Kind = LayerKind.Linear }) with { Metrics = [MetricKind.Accuracy, MetricKind.Perplexity, MetricKind.Confusion] };
        // The model says of each number the number itself.
        float[][] features = [.. Enumerable.Range(0, Samples).Select(i => (float[])[i % 3, (i + 1) % 3])], labels = [.. Enumerable.Range(0, Samples).Select(i => (float[])[i % 3, i % 5 == 0 ? i % 3 : (i + 1) % 3])];
        using var data = new GivenDataSet(features, labels, 3);
        using NeuralModel model = NeuralModel.Build(job, DataFields.Of(data), ComponentCatalog.Empty);
        using var trainer = new SlotTrainer(job, model, data, data);
        model.Load([1, 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0]);
        Measurement measured = MetricMath.Finish(MetricLayout.Of(job, 3, 2), ["a", "b", "c"], [trainer.Evaluate(Ids(..25)), trainer.Evaluate(Ids(25..Samples))]);
        Assert.Equal(0.9, measured.Values["accuracy"], 1e-12);
        Assert.Equal(Math.Exp(measured.Values["loss"]), measured.Values["perplexity"], 1e-5);
        Assert.Equal(2L * Samples, measured.Details!.Confusion!.Sum(row => row.Sum()));
    }

    [Theory]
    [InlineData(LossKind.CrossEntropy, 3)]
    [InlineData(LossKind.BinaryCrossEntropy, 2)]
    public void A_class_weighs_in_loss_and_gradient_what_it_is_given(LossKind loss, int classes)
    {
        float[] weights = [0.5f, 3, 1.5f];
        var data = new MemoryDataSet(24, [5], classes: classes);
        JobSpec job = Of(loss, Layer(LayerKind.Linear));
        using NeuralModel model = NeuralModel.Build(job, data.SampleShape, NeuralModel.OutputsFor(job, data));
        using var weighted = new SlotTrainer(job, model, data, data, weights[..classes]);
        using var plain = new SlotTrainer(job, model, data, data);
        var labels = new float[24];
        long[] ids = [.. Enumerable.Range(0, 24).Select(i => (long)i)];
        data.Read(ids, new float[24 * 5], labels);

        var gradient = new float[model.ElementCount];
        SlotResult result = weighted.Run(0, 0, ids, 24, gradient);
        double expectedLoss = 0;
        var expected = new double[gradient.Length];
        for (int c = 0; c < classes; c++)
        {
            var part = new float[gradient.Length];
            expectedLoss += weights[c] * plain.Run(0, 0, [.. ids.Where(id => (int)labels[id] == c)], 24, part).LossSum;
            for (int i = 0; i < part.Length; i++)
            {
                expected[i] += weights[c] * part[i];
            }
        }

        Assert.Equal(expectedLoss, result.LossSum, 1e-4);
        Assert.Equal(expectedLoss, weighted.Evaluate(ids).LossSum, 1e-4);
        Assert.All(expected.Zip(gradient), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Theory]
    [InlineData(LossKind.Mse, 1, MetricKind.F1)]
    [InlineData(LossKind.Mse, 1, MetricKind.Confusion)]
    [InlineData(LossKind.CrossEntropy, 3, MetricKind.R2)]
    [InlineData(LossKind.BinaryCrossEntropy, 1, MetricKind.Mape)]
    [InlineData(LossKind.CrossEntropy, 3, MetricKind.Auc)]
    [InlineData(LossKind.CrossEntropy, 3, MetricKind.RecallAtPrecision)]
    [InlineData(LossKind.CrossEntropy, 101, MetricKind.Confusion)]
    [InlineData(LossKind.CrossEntropy, 5, MetricKind.TopK)]
    [InlineData(LossKind.Huber, 1, MetricKind.TopK)]
    [InlineData(LossKind.BinaryCrossEntropy, 1, MetricKind.Perplexity)]
    public void A_metric_of_another_kind_of_labels_is_refused(LossKind loss, int outputs, MetricKind metric)
    {
        JobSpec job = Of(loss, Layer(LayerKind.Linear)) with { Metrics = [metric] };
        Contracts.InputError error = Assert.Single(Assert.Throws<Contracts.InputException>(() => NeuralModel.TensorsOf(job, [4], outputs)).Errors);
        Assert.StartsWith($"The metric {JobWords.Of(metric)} cannot be had with the loss {JobWords.Of(loss)} and {outputs} outputs.", error.Message, StringComparison.Ordinal);
    }

    private static Measurement MeasureNumbers(MetricKind[] metrics)
    {
        float[] First(int i) => [((i * 29) % 31) - 15.5f, (float)(1_000_000 + (i * 0.5))];
        return Measure(LossKind.Mse, metrics, null, i => [First(i)[0] + ((((i * 13) % 17) - 8) / 4f), First(i)[1] + ((((i * 11) % 7) - 3) / 2f)], First);
    }

    /// <summary>Measures outputs that are given: the model hands on what goes in. In slots of several sizes, one of them empty, and in one.</summary>
    private static Measurement Measure(LossKind loss, MetricKind[] metrics, int? classes, Func<int, float[]> output, Func<int, float[]> label, LabelScale[]? scales = null, int? topK = null)
    {
        float[][] outputs = [.. Enumerable.Range(0, Samples).Select(output)], labels = [.. Enumerable.Range(0, Samples).Select(label)];
        int width = outputs[0].Length;
        JobSpec job = Of(loss, Layer(LayerKind.Linear, bias: false)) with { Metrics = metrics, TopK = topK };
        using var data = new GivenDataSet(outputs, labels, classes, scales);
        using NeuralModel model = NeuralModel.Build(job, data.SampleShape, width);
        using var trainer = new SlotTrainer(job, model, data, data);
        model.Load([.. Enumerable.Range(0, width * width).Select(i => i / width == i % width ? 1f : 0)]);
        string[] names = [.. Enumerable.Range(0, classes ?? 0).Select(c => c.ToString(CultureInfo.InvariantCulture))];
        var layout = new MetricLayout(loss, metrics, names.Length, labels[0].Length);
        Measurement inOne = MetricMath.Finish(layout, names, [trainer.Evaluate(Ids(..Samples))]);
        Measurement inSlots = MetricMath.Finish(layout, names, [trainer.Evaluate(Ids(..7)), trainer.Evaluate([]), trainer.Evaluate(Ids(7..30)), trainer.Evaluate(Ids(30..Samples))]);
        Assert.All(inOne.Values, value => Assert.Equal(value.Value, inSlots.Values[value.Key], 1e-5));
        return inSlots;
    }

    private static long[] Ids(Range range) => [.. Enumerable.Range(0, Samples).Take(range).Select(i => (long)i)];

    private static float[] OneHot(int at, int width) => [.. Enumerable.Range(0, width).Select(i => i == at ? 1f : 0)];

    private static NormalizationTable Table(string[] classes, long[] counts) =>
        new(NormalizationKind.None, [], [], [], [], classes, new Dictionary<string, string[]>(), classes.Length, null, null, counts);
}

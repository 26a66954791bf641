using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>The additive parts of the metrics of one slot, added in float64 in sample order.</summary>
internal static class SlotMetrics
{
    /// <summary>Numbers that <see cref="Measure"/> gives: one a metric, none for auc, which goes by scores.</summary>
    public static int PartCount(IReadOnlyList<MetricKind> metrics) => metrics.Count(m => m != MetricKind.Auc);

    /// <param name="output">[samples, outputs]</param>
    /// <param name="labels">[samples × labelWidth]</param>
    /// <returns>
    /// Parts: accuracy: number of samples that are right; mae and rmse: sum over samples of the mean over columns of |error| and error².
    /// Scores and Labels: one a sample where auc is wanted and withScores is set.
    /// </returns>
    public static (double[] Parts, float[] Scores, float[] Labels) Measure(JobSpec job, Tensor output, float[] labels, int labelWidth, bool withScores)
    {
        var samples = (int)output.shape[0];
        var width = (int)output.shape[1];
        var values = new float[samples * width];
        if (job.Metrics.Count > 0)
        {
            NeuralModel.Read(output, values);
        }

        var parts = new List<double>(job.Metrics.Count);
        float[] scores = [];
        foreach (var metric in job.Metrics)
        {
            switch (metric)
            {
                case MetricKind.Accuracy:
                    parts.Add(Correct(job.Loss, values, labels, width));
                    break;
                case MetricKind.Mae:
                    parts.Add(Errors(job.Loss, values, labels, labelWidth, Math.Abs));
                    break;
                case MetricKind.Rmse:
                    parts.Add(Errors(job.Loss, values, labels, labelWidth, e => e * e));
                    break;
                case MetricKind.Auc when withScores:
                    scores = width == 1 ? values : [.. Enumerable.Range(0, samples).Select(i => values[(2 * i) + 1] - values[2 * i])];
                    break;
            }
        }

        return ([.. parts], scores, scores.Length > 0 ? labels : []);
    }

    private static double Correct(LossKind loss, float[] values, float[] labels, int width)
    {
        var correct = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var row = values.AsSpan(i * width, width);
            var predicted = loss == LossKind.BinaryCrossEntropy ? (row[0] > 0 ? 1 : 0) : IndexOfMax(row);
            correct += predicted == (int)labels[i] ? 1 : 0;
        }

        return correct;
    }

    private static int IndexOfMax(ReadOnlySpan<float> row)
    {
        var best = 0;
        for (var i = 1; i < row.Length; i++)
        {
            best = row[i] > row[best] ? i : best;
        }

        return best;
    }

    private static double Errors(LossKind loss, float[] values, float[] labels, int width, Func<double, double> measure)
    {
        var sum = 0.0;
        for (var i = 0; i < labels.Length; i++)
        {
            var predicted = loss == LossKind.BinaryCrossEntropy ? 1 / (1 + Math.Exp(-(double)values[i])) : values[i];
            sum += measure(predicted - labels[i]);
        }

        return sum / width;
    }
}

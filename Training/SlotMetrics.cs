using System.Runtime.InteropServices;
using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>The additive parts of the metrics of one slot, added in float64 in sample order.</summary>
internal static class SlotMetrics
{
    /// <summary>Numbers that <see cref="Measure"/> gives: one a metric, none for auc, which goes by scores.</summary>
    public static int PartCount(IReadOnlyList<MetricKind> metrics) => metrics.Count(m => m != MetricKind.Auc);

    /// <param name="output">[samples, outputs]</param>
    /// <param name="labels">[samples × label.Length]</param>
    /// <param name="label">What the labels are.</param>
    /// <returns>
    /// Parts: accuracy: number of samples that are right; mae and rmse: sum over samples of the mean over columns of |error| and error², in the labels' own unit.
    /// Scores and Labels: one a sample where auc is wanted and withScores is set.
    /// </returns>
    public static (double[] Parts, float[] Scores, float[] Labels) Measure(JobSpec job, Tensor output, float[] labels, DataField label, bool withScores)
    {
        var samples = (int)output.size(0);
        var width = (int)output.size(1);
        var parts = new double[PartCount(job.Metrics)];
        if (job.Metrics.Count == 0)
        {
            return (parts, [], []);
        }

        using var host = output.cpu().contiguous();
        ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(host.bytes);
        var next = 0;
        float[] scores = [];
        foreach (var metric in job.Metrics)
        {
            switch (metric)
            {
                case MetricKind.Accuracy:
                    parts[next++] = Correct(job.Loss, values, labels, width);
                    break;
                case MetricKind.Mae:
                    parts[next++] = Errors(job.Loss, values, labels, label, squared: false);
                    break;
                case MetricKind.Rmse:
                    parts[next++] = Errors(job.Loss, values, labels, label, squared: true);
                    break;
                case MetricKind.Auc when withScores:
                    scores = Scores(values, samples, width);
                    break;
            }
        }

        // The labels' memory is that of the batch, which is read into again.
        return (parts, scores, scores.Length > 0 ? [.. labels] : []);
    }

    /// <summary>One a sample: the value of the one output, or by how much class 1 is above class 0.</summary>
    private static float[] Scores(ReadOnlySpan<float> values, int samples, int width)
    {
        var scores = new float[samples];
        for (var i = 0; i < samples; i++)
        {
            scores[i] = width == 1 ? values[i] : values[(2 * i) + 1] - values[2 * i];
        }

        return scores;
    }

    private static double Correct(LossKind loss, ReadOnlySpan<float> values, float[] labels, int width)
    {
        var correct = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var row = values.Slice(i * width, width);
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

    private static double Errors(LossKind loss, ReadOnlySpan<float> values, float[] labels, DataField label, bool squared)
    {
        var sum = 0.0;
        var units = label.Units;
        for (var i = 0; i < labels.Length; i++)
        {
            var predicted = loss == LossKind.BinaryCrossEntropy ? 1 / (1 + Math.Exp(-(double)values[i])) : values[i];
            var error = (predicted - labels[i]) * (units.Count > 0 ? units[i % label.Length] : 1);
            sum += squared ? error * error : Math.Abs(error);
        }

        return sum / label.Length;
    }
}

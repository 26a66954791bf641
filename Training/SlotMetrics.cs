using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Metrics;
using Lockstep.Data;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>The parts of the metrics of one slot of an evaluation, added in float64 in sample order.</summary>
/// <param name="label">What the labels are; null: there are none, and no metric of the job file is wanted.</param>
internal sealed class SlotMetrics(JobSpec job, DataField? label)
{
    private readonly int columns = label?.Length ?? 1;
    private readonly MetricLayout layout = MetricLayout.Of(job, label?.Classes ?? 0, label?.Length ?? 1);

    /// <summary>What a slot without samples gives.</summary>
    public EvaluationPart Empty => new(0, 0, new double[layout.Count], [], []);

    /// <param name="lossSum">Of the samples.</param>
    /// <param name="output">[samples, outputs]; null: no metric of the job file is wanted.</param>
    /// <param name="labels">[samples × columns of the label]</param>
    /// <param name="own">Sums over samples of the metrics that the model brings.</param>
    public EvaluationPart Measure(int samples, double lossSum, Tensor? output, float[] labels, double[] own)
    {
        if (job.Metrics.Count == 0)
        {
            return new(samples, lossSum, own, [], []);
        }

        using var host = output!.cpu().contiguous();
        ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(host.bytes);
        // Of a sequence, each position is told apart.
        var width = (int)output.size(-1);
        var parts = new double[layout.Count];
        own.CopyTo(parts, layout.FirstOwn);
        float[] scores = [];
        foreach (var metric in job.Metrics)
        {
            switch (metric)
            {
                case MetricKind.Accuracy:
                    parts[layout.First(metric)] = Correct(values, labels, width);
                    break;
                case MetricKind.TopK:
                    parts[layout.First(metric)] = AmongBest(values, labels, width);
                    break;
                case MetricKind.Perplexity:
                    parts[layout.First(metric)] = Surprise(values, labels, width);
                    break;
                case MetricKind.Mae:
                    parts[layout.First(metric)] = Errors(values, labels, squared: false);
                    break;
                case MetricKind.Rmse:
                    parts[layout.First(metric)] = Errors(values, labels, squared: true);
                    break;
                case MetricKind.Mape:
                    Percentages(values, labels, parts.AsSpan(layout.First(metric), 2));
                    break;
                case MetricKind.R2:
                    Moments(values, labels, parts.AsSpan(layout.First(metric), 3 * layout.Labels));
                    break;
                case MetricKind.Auc or MetricKind.RecallAtPrecision:
                    scores = Scores(values, samples, width);
                    break;
            }
        }

        if (layout.Tally is { } tally)
        {
            for (var i = 0; i < labels.Length; i++)
            {
                tally.Count(parts, (int)labels[i], Predicted(values.Slice(i * width, width)));
            }
        }

        // The labels' memory is that of the batch, which is read into again.
        return new(samples, lossSum, parts, scores, scores.Length > 0 ? [.. labels] : []);
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

    private double Correct(ReadOnlySpan<float> values, float[] labels, int width)
    {
        var correct = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            correct += Predicted(values.Slice(i * width, width)) == (int)labels[i] ? 1 : 0;
        }

        return (double)correct / columns;
    }

    /// <summary>Sum over samples of the fraction of positions whose class is among the k largest outputs; of equal ones the first counts as larger, as accuracy has it.</summary>
    private double AmongBest(ReadOnlySpan<float> values, float[] labels, int width)
    {
        int most = job.TopK ?? LabelNeeds.UsualTopK;
        var among = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var row = values.Slice(i * width, width);
            var right = (int)labels[i];
            var larger = 0;
            for (var other = 0; other < width && larger < most; other++)
            {
                larger += row[other] > row[right] || (row[other] == row[right] && other < right) ? 1 : 0;
            }

            among += larger < most ? 1 : 0;
        }

        return (double)among / columns;
    }

    /// <summary>Sum over samples of the mean over positions of −log p, p being the probability of the class that it is.</summary>
    private double Surprise(ReadOnlySpan<float> values, float[] labels, int width)
    {
        var sum = 0.0;
        for (var i = 0; i < labels.Length; i++)
        {
            var row = values.Slice(i * width, width);
            double largest = TensorPrimitives.Max(row);
            var powers = 0.0;
            foreach (var value in row)
            {
                powers += Math.Exp(value - largest);
            }

            sum += Math.Log(powers) + largest - row[(int)labels[i]];
        }

        return sum / columns;
    }

    private int Predicted(ReadOnlySpan<float> row)
    {
        if (job.Loss == LossKind.BinaryCrossEntropy)
        {
            return row[0] > 0 ? 1 : 0;
        }

        var best = 0;
        for (var i = 1; i < row.Length; i++)
        {
            best = row[i] > row[best] ? i : best;
        }

        return best;
    }

    /// <summary>Sum over samples of the mean over columns of |error| or error², in the labels' own unit.</summary>
    private double Errors(ReadOnlySpan<float> values, float[] labels, bool squared)
    {
        var sum = 0.0;
        for (var i = 0; i < labels.Length; i++)
        {
            var predicted = job.Loss == LossKind.BinaryCrossEntropy ? 1 / (1 + Math.Exp(-(double)values[i])) : values[i];
            var error = (predicted - labels[i]) * Scale(i).Unit;
            sum += squared ? error * error : Math.Abs(error);
        }

        return sum / columns;
    }

    /// <summary>Sum over samples of the mean over columns of |error / label|, of labels that are not 0; then how many are.</summary>
    private void Percentages(ReadOnlySpan<float> values, float[] labels, Span<double> parts)
    {
        for (var i = 0; i < labels.Length; i++)
        {
            var scale = Scale(i);
            var value = (labels[i] * scale.Unit) + scale.Offset;
            if (scale.IsZero(value))
            {
                parts[1]++;
                continue;
            }

            parts[0] += Math.Abs(((double)values[i] - labels[i]) * scale.Unit / value) / columns;
        }
    }

    /// <summary>By column: sum of squared errors; mean of the labels and sum of their squared deviations (Welford 1962). All in the unit that labels are read in, which the quotient does not show.</summary>
    private void Moments(ReadOnlySpan<float> values, float[] labels, Span<double> parts)
    {
        for (var i = 0; i < labels.Length; i++)
        {
            var column = parts.Slice(3 * (i % columns), 3);
            var error = (double)values[i] - labels[i];
            column[0] += error * error;
            var apart = labels[i] - column[1];
            column[1] += apart / ((i / columns) + 1);
            column[2] += apart * (labels[i] - column[1]);
        }
    }

    private LabelScale Scale(int i) => label!.Units.Count == 0 ? LabelScale.None : new(label.Units[i % columns], label.Offsets.Count == 0 ? 0 : label.Offsets[i % columns]);
}

using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;

namespace Lockstep.Core.Metrics;

/// <summary>Turns the parts of an evaluation into numbers. The same parts in the same order give the same bits.</summary>
public static class MetricMath
{
    /// <summary>Names in one remark; of more only the number is said.</summary>
    private const int NamesShown = 5;

    private const string NoSamples = "there are no samples";

    /// <summary>Joins the parts in the order given and finishes each metric.</summary>
    /// <param name="partsInSlotOrder">One a slot; all of them.</param>
    /// <param name="classNames">By class; empty where labels are numbers.</param>
    /// <returns><c>loss</c> (mean over samples; NaN without any), then the metrics in the job's order, then those of the model.</returns>
    /// <exception cref="ArgumentException">A part has another number of sums than the metrics need.</exception>
    public static Measurement Finish(MetricLayout layout, IReadOnlyList<string> classNames, IEnumerable<EvaluationPart> partsInSlotOrder)
    {
        var sums = new double[layout.Count];
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

            Join(layout, sums, samples, part);
            lossSum += part.LossSum;
            samples += part.Samples;
            scores.AddRange(part.Scores);
            labels.AddRange(part.Labels);
        }

        var values = new Dictionary<string, double>(StringComparer.Ordinal) { ["loss"] = lossSum / samples };
        var remarks = new Dictionary<string, string>(StringComparer.Ordinal);
        var classes = layout.Tally?.Results(sums, classNames);
        foreach (var metric in layout.Metrics)
        {
            var (value, remark) = samples == 0 ? (null, NoSamples) : Value(layout, metric, sums, samples, scores, labels, classNames, classes);
            if (value is { } number)
            {
                values[JobWords.Of(metric)] = number;
            }

            if (remark is not null)
            {
                remarks[JobWords.Of(metric)] = remark;
            }
        }

        foreach (var (i, name) in layout.Own.Index())
        {
            if (samples == 0)
            {
                remarks[name] = NoSamples;
                continue;
            }

            values[name] = sums[layout.FirstOwn + i] / samples;
        }

        return new Measurement(values, classes is null && remarks.Count == 0 ? null : new EvaluationDetails
        {
            Classes = classes,
            Confusion = layout.Tally?.Matrix(sums),
            Remarks = remarks.Count > 0 ? remarks : null,
        });
    }

    /// <summary>Adds a part. Means of labels and their squared deviations are joined (Chan, Golub and LeVeque 1979): sums of squares would lose the digits of labels that are far from 0.</summary>
    private static void Join(MetricLayout layout, double[] sums, long samples, EvaluationPart part)
    {
        if (part.Samples == 0)
        {
            return;
        }

        var moments = layout.Metrics.Contains(MetricKind.R2) ? layout.First(MetricKind.R2)..(layout.First(MetricKind.R2) + (3 * layout.Labels)) : 0..0;
        for (var i = 0; i < sums.Length; i++)
        {
            if (i < moments.Start.Value || i >= moments.End.Value || (i - moments.Start.Value) % 3 == 0)
            {
                sums[i] += part.Parts[i];
            }
        }

        for (var mean = moments.Start.Value + 1; mean < moments.End.Value; mean += 3)
        {
            var apart = part.Parts[mean] - sums[mean];
            var share = (double)part.Samples / (samples + part.Samples);
            sums[mean] += apart * share;
            sums[mean + 1] += part.Parts[mean + 1] + (apart * apart * share * samples);
        }
    }

    private static (double? Value, string? Remark) Value(MetricLayout layout, MetricKind metric, double[] sums, long samples, List<float> scores, List<float> labels, IReadOnlyList<string> classNames, IReadOnlyList<ClassResult>? classes) => metric switch
    {
        MetricKind.Rmse => (Math.Sqrt(sums[layout.First(metric)] / samples), null),
        MetricKind.Perplexity => (Math.Exp(sums[layout.First(metric)] / samples), null),
        MetricKind.Auc or MetricKind.RecallAtPrecision => OfScores(metric, layout, [.. scores], [.. labels], classNames),
        MetricKind.R2 => Explained(sums.AsSpan(layout.First(metric), 3 * layout.Labels)),
        MetricKind.Mape => sums[layout.First(metric) + 1] is var zeros and > 0
            ? (null, $"{Amount.Of((long)zeros, "label")} of {samples * layout.Labels} {(zeros == 1 ? "is" : "are")} 0, of which no percentage can be had; measure mae or rmse")
            : (sums[layout.First(metric)] / samples, null),
        MetricKind.Confusion => (null, null),
        MetricKind.F1 or MetricKind.Precision or MetricKind.Recall => OfClasses(layout.Loss, metric, classes!),
        _ => (sums[layout.First(metric)] / samples, null),
    };

    private static (double? Value, string? Remark) OfScores(MetricKind metric, MetricLayout layout, float[] scores, float[] labels, IReadOnlyList<string> classNames)
    {
        double value = metric == MetricKind.Auc ? ScoreCurves.Auc(scores, labels) : ScoreCurves.RecallAtPrecision(scores, labels, layout.AtPrecision);
        return double.IsNaN(value)
            ? (null, scores.Any(float.IsNaN) ? "a score is not a number: the model has diverged"
                : string.Create(CultureInfo.InvariantCulture, $"all {Amount.Of(scores.Length, "sample")} are of class {classNames[labels[0] > 0.5f ? 1 : 0]}: there is no second class to tell it from"))
            : (value, value == 0 && metric == MetricKind.RecallAtPrecision ? string.Create(CultureInfo.InvariantCulture, $"no threshold has a precision of {layout.AtPrecision}, which counts as 0") : null);
    }

    /// <summary>The part of the labels' variance that the model explains, mean over the labels.</summary>
    /// <param name="moments">By label: squared errors, mean, squared deviations from it.</param>
    private static (double? Value, string? Remark) Explained(ReadOnlySpan<double> moments)
    {
        var sum = 0.0;
        for (var i = 0; i < moments.Length; i += 3)
        {
            if (moments[i + 2] == 0)
            {
                return (null, $"all labels{(moments.Length > 3 ? $" of column {(i / 3) + 1}" : "")} are equal: there is nothing that varies");
            }

            sum += 1 - (moments[i] / moments[i + 2]);
        }

        return (sum / (moments.Length / 3), null);
    }

    /// <summary>Of the second class where a model tells two apart by one output, else the mean over the classes that there are in labels or predictions.</summary>
    private static (double Value, string? Remark) OfClasses(LossKind loss, MetricKind metric, IReadOnlyList<ClassResult> classes)
    {
        ClassResult[] counted = loss == LossKind.BinaryCrossEntropy ? [classes[1]] : [.. classes.Where(c => c.Samples + c.Predicted > 0)];
        var value = counted.Average(c => metric switch
        {
            MetricKind.Precision => c.Precision,
            MetricKind.Recall => c.Recall,
            _ => c.F1,
        });
        string?[] remarks =
        [
            metric == MetricKind.Precision ? Named(counted.Where(c => c.Predicted == 0), "never predicted", "counts as 0") : null,
            metric == MetricKind.Recall ? Named(counted.Where(c => c.Samples == 0), "without a sample", "counts as 0") : null,
            Named(classes.Except(counted).Where(c => c.Samples + c.Predicted == 0 && loss != LossKind.BinaryCrossEntropy), "without a sample, and never predicted", "does not count"),
        ];
        return (value, string.Join("; ", remarks.OfType<string>()) is { Length: > 0 } remark ? remark : null);
    }

    private static string? Named(IEnumerable<ClassResult> classes, string what, string becomes)
    {
        string[] names = [.. classes.Select(c => c.Class)];
        return names.Length == 0 ? null
            : $"{(names.Length == 1 ? "class" : "classes")} {string.Join(", ", names.Take(NamesShown))}{(names.Length > NamesShown ? $" and {names.Length - NamesShown} more" : "")}: {what}, which {becomes}";
    }
}

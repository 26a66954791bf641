using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Works out a normalisation by streaming over the training rows, in row order, so that it is the same everywhere.</summary>
internal static class FeatureStatistics
{
    /// <param name="isTraining">Whether a row belongs to the training data.</param>
    /// <exception cref="InputException">A feature to be imputed has no value in any training row.</exception>
    public static NormalizationTable Compute(RowStore rows, DataSpec spec, Func<long, bool> isTraining, CancellationToken cancellation)
    {
        RowFormat format = rows.Format;
        var fill = new double[format.Features];
        var offset = new double[format.Features];
        var factor = new double[format.Features];
        Array.Fill(factor, 1);
        bool scalesLabels = spec.NormalizeLabels != NormalizationKind.None && format.Classes is null;
        double[]? labelOffset = null, labelFactor = null;
        bool imputes = !format.Bytes && spec.Missing is MissingPolicy.Mean or MissingPolicy.Median;
        if (imputes || scalesLabels || spec.Normalize != NormalizationKind.None)
        {
            var moments = new FeatureMoments(format.Features + (scalesLabels ? format.Labels : 0));
            rows.Scan(isTraining, values => moments.Add(values), cancellation);
            if (imputes)
            {
                Fill(rows, spec, moments, fill, visit => rows.Scan(isTraining, visit, cancellation));
            }

            Scale(format, spec.Normalize, moments, offset, factor);
            if (scalesLabels)
            {
                (double Offset, double Factor)[] labels = [.. Enumerable.Range(format.Features, format.Labels).Select(i => Scale(spec.NormalizeLabels, moments, i))];
                labelOffset = [.. labels.Select(l => l.Offset)];
                labelFactor = [.. labels.Select(l => l.Factor)];
            }
        }

        return new NormalizationTable(spec.Normalize, Spread(format, fill, 0), Spread(format, offset, 0), Spread(format, factor, 1), format.FeatureNames(), format.ClassNames(), format.Categories(), format.Classes, labelOffset, labelFactor);
    }

    /// <summary>Values by column as values by feature.</summary>
    /// <param name="flag">What a flag of a category gets.</param>
    private static double[] Spread(RowFormat format, double[] values, double flag) => format.Bytes
        ? values
        : [.. format.FeatureColumns.SelectMany((column, i) => column.Categories is { } texts ? Enumerable.Repeat(flag, texts.Length) : [values[i]])];

    /// <summary>Every number gets a value, also where only data that come later lack one.</summary>
    private static void Fill(RowStore rows, DataSpec spec, FeatureMoments moments, double[] fill, Action<Action<double[]>> scan)
    {
        for (int i = 0; i < fill.Length; i++)
        {
            if (moments.Count(i) == 0)
            {
                throw new InputException(spec.Train, 0, $"Column {rows.Format.Columns[i].Name} has no value in any training row.", "Leave it out of 'features', or set 'missing: zero'.");
            }
        }

        double[]? medians = spec.Missing == MissingPolicy.Median ? StreamingMedian.Compute(fill.Length, scan) : null;
        for (int i = 0; i < fill.Length; i++)
        {
            fill[i] = medians?[i] ?? moments.Mean(i);
        }
    }

    private static void Scale(RowFormat format, NormalizationKind kind, FeatureMoments moments, double[] offset, double[] factor)
    {
        if (kind == NormalizationKind.None)
        {
            return;
        }

        // Pixels are one quantity: one offset and one factor for the whole image.
        (double Offset, double Factor) whole = !format.Bytes ? default
            : kind == NormalizationKind.MinMax ? (0, 1.0 / byte.MaxValue)
            : moments.Overall() is var (mean, deviation) ? (mean, FactorOf(deviation)) : default;
        for (int i = 0; i < offset.Length; i++)
        {
            if (format.Bytes || format.Columns[i].Categories is null)
            {
                (offset[i], factor[i]) = format.Bytes ? whole : Scale(kind, moments, i);
            }
        }
    }

    private static (double Offset, double Factor) Scale(NormalizationKind kind, FeatureMoments moments, int i)
    {
        (double offset, double range) = kind == NormalizationKind.MinMax ? moments.MinMax(i) : moments.Standard(i);
        return (offset, FactorOf(range));
    }

    /// <summary>A constant becomes 0, and what hardly varies stays finite.</summary>
    private static double FactorOf(double range) => 1 / range is var factor and > 0 and < double.PositiveInfinity ? factor : 1;
}

using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>Works out a normalisation by streaming over the training rows, in row order, so that it is the same everywhere.</summary>
internal static class FeatureStatistics
{
    /// <param name="isTraining">Whether a row belongs to the training data.</param>
    public static NormalizationTable Compute(RowStore rows, DataSpec spec, Func<long, bool> isTraining, CancellationToken cancellation)
    {
        RowFormat format = rows.Format;
        var fill = new float[format.Features];
        var offset = new float[format.Features];
        var factor = new float[format.Features];
        Array.Fill(factor, 1);
        if (spec.Normalize != NormalizationKind.None || format.Missing.Length > 0)
        {
            Moments moments = Measure(rows, isTraining, cancellation);
            foreach (int feature in format.Missing)
            {
                fill[feature] = spec.Missing switch
                {
                    MissingPolicy.Mean => (float)moments.Mean(feature),
                    MissingPolicy.Median => Median(rows, feature, isTraining, cancellation),
                    _ => 0,
                };
            }

            Scale(format, spec.Normalize, moments, offset, factor);
        }

        return new NormalizationTable(spec.Normalize, fill, offset, factor, format.Names, format.ClassNames);
    }

    private static void Scale(RowFormat format, NormalizationKind kind, Moments moments, float[] offset, float[] factor)
    {
        if (kind == NormalizationKind.None)
        {
            return;
        }

        // Pixels are one quantity: one offset and one factor for the whole image.
        if (format.Bytes)
        {
            (double o, double f) = kind == NormalizationKind.MinMax ? (0, 1 / 255.0) : moments.Overall();
            Array.Fill(offset, (float)o);
            Array.Fill(factor, (float)f);
            return;
        }

        for (int i = 0; i < offset.Length; i++)
        {
            if (!format.Plain[i])
            {
                continue;
            }

            (double o, double f) = kind == NormalizationKind.MinMax ? moments.MinMax(i) : moments.Standard(i);
            offset[i] = (float)o;
            factor[i] = (float)f;
        }
    }

    private static Moments Measure(RowStore rows, Func<long, bool> isTraining, CancellationToken cancellation)
    {
        RowFormat format = rows.Format;
        var moments = new Moments(format.Features);
        var features = new float[format.Features];
        var labels = new float[format.Labels];
        for (long row = 0; row < format.Rows; row++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (isTraining(row))
            {
                rows.Read(row, features, labels);
                moments.Add(features);
            }
        }

        return moments;
    }

    private static float Median(RowStore rows, int feature, Func<long, bool> isTraining, CancellationToken cancellation)
    {
        // One column at a time: a column is small beside its table.
        var values = new List<float>();
        var features = new float[rows.Format.Features];
        var labels = new float[rows.Format.Labels];
        for (long row = 0; row < rows.Format.Rows; row++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (isTraining(row))
            {
                rows.Read(row, features, labels);
                if (!float.IsNaN(features[feature]))
                {
                    values.Add(features[feature]);
                }
            }
        }

        if (values.Count == 0)
        {
            return 0;
        }

        values.Sort();
        return values.Count % 2 == 1 ? values[values.Count / 2] : (values[(values.Count / 2) - 1] + values[values.Count / 2]) / 2;
    }

    /// <summary>Welford's running mean and squared deviation, least and largest, by feature.</summary>
    private sealed class Moments(int features)
    {
        private readonly long[] _count = new long[features];
        private readonly double[] _mean = new double[features];
        private readonly double[] _squares = new double[features];
        private readonly float[] _least = [.. Enumerable.Repeat(float.PositiveInfinity, features)];
        private readonly float[] _largest = [.. Enumerable.Repeat(float.NegativeInfinity, features)];

        public void Add(ReadOnlySpan<float> values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                float value = values[i];
                if (float.IsNaN(value))
                {
                    continue;
                }

                _count[i]++;
                double delta = value - _mean[i];
                _mean[i] += delta / _count[i];
                _squares[i] += delta * (value - _mean[i]);
                _least[i] = Math.Min(_least[i], value);
                _largest[i] = Math.Max(_largest[i], value);
            }
        }

        public double Mean(int i) => _mean[i];

        /// <summary>A constant feature becomes 0.</summary>
        public (double Offset, double Factor) Standard(int i)
        {
            double deviation = _count[i] > 0 ? Math.Sqrt(_squares[i] / _count[i]) : 0;
            return (_mean[i], deviation > 0 ? 1 / deviation : 1);
        }

        public (double Offset, double Factor) MinMax(int i) =>
            _largest[i] > _least[i] ? (_least[i], 1.0 / ((double)_largest[i] - _least[i])) : (_count[i] > 0 ? _least[i] : 0, 1);

        /// <summary>Over all features together.</summary>
        public (double Offset, double Factor) Overall()
        {
            double count = _count.Sum();
            double mean = 0;
            double square = 0;
            for (int i = 0; i < features; i++)
            {
                mean += _mean[i] * _count[i] / count;
                square += (_squares[i] + (_count[i] * _mean[i] * _mean[i])) / count;
            }

            double deviation = Math.Sqrt(Math.Max(0, square - (mean * mean)));
            return (mean, deviation > 0 ? 1 / deviation : 1);
        }
    }
}

namespace Lockstep.Data;

/// <summary>Running mean and squared deviation (Welford 1962), least and largest, by feature, in float64. A missing value (NaN) does not count.</summary>
internal sealed class FeatureMoments(int features)
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

    /// <summary>Values that were not missing.</summary>
    public long Count(int i) => _count[i];

    public double Mean(int i) => _mean[i];

    /// <summary>Mean and standard deviation of the population.</summary>
    public (double Offset, double Range) Standard(int i) => (_mean[i], _count[i] > 0 ? Math.Sqrt(_squares[i] / _count[i]) : 0);

    public (double Offset, double Range) MinMax(int i) => _count[i] > 0 ? (_least[i], (double)_largest[i] - _least[i]) : (0, 0);

    /// <summary>Mean and standard deviation over all features together.</summary>
    public (double Offset, double Range) Overall()
    {
        double count = _count.Sum();
        double mean = 0;
        for (int i = 0; i < features; i++)
        {
            mean += _mean[i] * (_count[i] / count);
        }

        double variance = 0;
        for (int i = 0; i < features; i++)
        {
            double apart = _mean[i] - mean;
            variance += (_squares[i] + (_count[i] * apart * apart)) / count;
        }

        return (mean, Math.Sqrt(variance));
    }
}

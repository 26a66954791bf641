namespace Lockstep.Data;

/// <summary>Running mean and squared deviation (Welford 1962), least and largest, by value of a row. A missing value (NaN) does not count.</summary>
internal sealed class FeatureMoments(int features)
{
    private readonly long[] _count = new long[features];
    private readonly double[] _mean = new double[features];
    private readonly double[] _squares = new double[features];
    private readonly double[] _least = [.. Enumerable.Repeat(double.PositiveInfinity, features)];
    private readonly double[] _largest = [.. Enumerable.Repeat(double.NegativeInfinity, features)];

    /// <param name="values">The first of them are the features.</param>
    public void Add(ReadOnlySpan<double> values)
    {
        for (int i = 0; i < features; i++)
        {
            double value = values[i];
            if (double.IsNaN(value))
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

    public (double Offset, double Range) MinMax(int i) => _count[i] > 0 ? (_least[i], _largest[i] - _least[i]) : (0, 0);

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

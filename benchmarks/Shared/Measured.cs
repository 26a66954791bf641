namespace Lockstep.Benchmarks;

/// <summary>Quantiles of what was measured.</summary>
public static class Measured
{
    /// <returns>Of an even number of values the mean of the two in the middle.</returns>
    public static double Median(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <param name="share">0 to 1; the nearest value that is there.</param>
    public static double Quantile(IReadOnlyList<double> values, double share) => values.Order().ElementAt(Math.Min(values.Count - 1, (int)(values.Count * share)));
}

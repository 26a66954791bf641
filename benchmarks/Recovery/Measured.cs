namespace Lockstep.Recovery;

/// <summary>Quantiles of what was measured.</summary>
internal static class Measured
{
    public static double Median(IReadOnlyList<double> values) => Quantile(values, 0.5);

    /// <param name="share">0 to 1; the nearest value that is there.</param>
    public static double Quantile(IReadOnlyList<double> values, double share) => values.Order().ElementAt(Math.Min(values.Count - 1, (int)(values.Count * share)));
}

using System.Globalization;

namespace Lockstep.Engine.Rates;

/// <summary>One step of a test in which the learning rate rises from step to step.</summary>
/// <param name="Loss">Of the step's samples, before its update.</param>
public sealed record RatePoint(double Rate, double Loss);

/// <summary>What such a test came to. Goes by the losses alone, so that it is the same whoever computed them.</summary>
/// <param name="Points">Up to where the loss got out of hand.</param>
/// <param name="Smoothed">By point: the loss, averaged over its neighbours.</param>
/// <param name="Suggestion">Two digits of it; null: none can be told.</param>
/// <param name="Reason">For people.</param>
/// <param name="Diverged">Whether the loss got out of hand.</param>
public sealed record RateCurve(IReadOnlyList<RatePoint> Points, IReadOnlyList<double> Smoothed, double? Suggestion, string Reason, bool Diverged)
{
    /// <summary>A loss so many times the least one is out of hand.</summary>
    private const double OutOfHand = 4;

    /// <summary>Steps whose mean decides that: one bad batch does not.</summary>
    private const int Together = 5;

    /// <summary>A fall of less than so many times the losses' own noise is none.</summary>
    private const double LeastFall = 2;

    /// <summary>Fewer points tell nothing.</summary>
    private const int FewestPoints = 10;

    /// <summary>How many of the points come before the loss gets out of hand.</summary>
    public static int EndOf(IReadOnlyList<RatePoint> points)
    {
        double least = double.PositiveInfinity;
        double sum = 0;
        for (int i = 0; i < points.Count; i++)
        {
            sum += points[i].Loss - (i >= Together ? points[i - Together].Loss : 0);
            double mean = sum / Math.Min(i + 1, Together);
            if (!double.IsFinite(mean) || mean > OutOfHand * least)
            {
                return i;
            }

            least = i + 1 >= Together ? Math.Min(least, mean) : least;
        }

        return points.Count;
    }

    /// <param name="points">In order of rising rates.</param>
    public static RateCurve Of(IReadOnlyList<RatePoint> points)
    {
        int end = EndOf(points);
        bool diverged = end < points.Count;
        RatePoint[] kept = [.. points.Take(end)];
        double[] smoothed = Smooth([.. kept.Select(p => p.Loss)], Math.Max(2, kept.Length / 25));
        if (kept.Length < FewestPoints)
        {
            return new RateCurve(kept, smoothed, null, $"the loss gets out of hand after {kept.Length} of {points.Count} steps: begin at a smaller rate, by --from", diverged);
        }

        int least = Array.IndexOf(smoothed, smoothed.Min());
        int early = Math.Max(3, kept.Length / 10);
        double before = smoothed.Take(early).Average();
        double noise = Math.Sqrt(kept.Zip(smoothed).Take(Math.Max(early, least)).Average(p => (p.First.Loss - p.Second) * (p.First.Loss - p.Second)));
        if (before - smoothed[least] <= LeastFall * noise || least < early)
        {
            return new RateCurve(kept, smoothed, null, string.Create(CultureInfo.InvariantCulture, $"the loss does not fall by more than it varies from step to step anywhere between {kept[0].Rate:G2} and {kept[^1].Rate:G2}: take more --steps or a larger batch, rates further apart by --from and --to, or look at the data"), diverged);
        }

        int steepest = Steepest(kept, smoothed, least);
        string last = diverged ? string.Create(CultureInfo.InvariantCulture, $"and out of hand beyond {kept[^1].Rate:G2}")
            : least >= kept.Length - early ? "which is the end of the range: a larger --to may show more"
            : "and rises from there";
        return new RateCurve(
            kept,
            smoothed,
            double.Parse(kept[steepest].Rate.ToString("G2", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
            string.Create(CultureInfo.InvariantCulture, $"the loss falls fastest there; it begins at {before:G3}, is least, {smoothed[least]:G3}, at {kept[least].Rate:G2}, {last}"),
            diverged);
    }

    /// <summary>Where the loss falls fastest over the logarithm of the rate, up to where it is least: the slope of the line through each point's neighbours.</summary>
    private static int Steepest(RatePoint[] points, double[] smoothed, int least)
    {
        int reach = Math.Max(2, points.Length / 20);
        int found = 0;
        double steepest = double.PositiveInfinity;
        for (int i = 0; i <= least; i++)
        {
            int first = Math.Max(0, i - reach), last = Math.Min(points.Length - 1, i + reach);
            double meanX = 0, meanY = 0;
            for (int j = first; j <= last; j++)
            {
                meanX += Math.Log10(points[j].Rate) / (last - first + 1);
                meanY += smoothed[j] / (last - first + 1);
            }

            double xy = 0, xx = 0;
            for (int j = first; j <= last; j++)
            {
                double x = Math.Log10(points[j].Rate) - meanX;
                xy += x * (smoothed[j] - meanY);
                xx += x * x;
            }

            if (xy / xx < steepest)
            {
                (steepest, found) = (xy / xx, i);
            }
        }

        return found;
    }

    /// <summary>Means over neighbours on both sides, the near ones counting more: what lagged behind would suggest too large a rate.</summary>
    private static double[] Smooth(double[] values, int reach)
    {
        var smoothed = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            double sum = 0, weights = 0;
            for (int j = Math.Max(0, i - reach); j <= Math.Min(values.Length - 1, i + reach); j++)
            {
                int weight = reach + 1 - Math.Abs(i - j);
                sum += weight * values[j];
                weights += weight;
            }

            smoothed[i] = sum / weights;
        }

        return smoothed;
    }
}

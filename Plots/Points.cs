namespace Lockstep.Plots;

/// <summary>Fewer points that show the same.</summary>
internal static class Points
{
    /// <summary>More than a panel has pixels for.</summary>
    private const int Most = 500;

    /// <summary>Means over as many neighbours as it takes; the last of them gives the place.</summary>
    public static IReadOnlyList<(double X, double Y)> Averaged(IReadOnlyList<(double X, double Y)> points)
    {
        int together = (points.Count + Most - 1) / Most;
        return together <= 1 ? points : [.. points.Chunk(together).Select(part => (part[^1].X, part.Average(p => p.Y)))];
    }

    /// <summary>Those at which the value changes, and the last.</summary>
    public static IReadOnlyList<(double X, double Y)> Changes(IReadOnlyList<(double X, double Y)> points) =>
        [.. points.Where((point, i) => i == 0 || i == points.Count - 1 || point.Y != points[i - 1].Y)];
}

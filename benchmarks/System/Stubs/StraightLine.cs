namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>y = Offset + Slope · x, fitted to points so that the squares of the relative errors are least: a small point counts as much as a large one.</summary>
internal sealed record StraightLine(double Offset, double Slope, IReadOnlyList<(double X, double Y)> Points)
{
    /// <value>Of the line's value there.</value>
    public double LargestDeviation => Points.Max(point => Math.Abs((point.Y / At(point.X)) - 1));

    public double At(double x) => Offset + (Slope * x);

    /// <param name="points">At least two, of different x, with y above 0.</param>
    public static StraightLine Fit(IReadOnlyList<(double X, double Y)> points)
    {
        // Least squares of (a + b·x)/y − 1.
        (double s1, double sx, double sxx, double sy, double sxy) = (0, 0, 0, 0, 0);
        foreach ((double x, double y) in points)
        {
            s1 += 1 / (y * y);
            sx += x / (y * y);
            sxx += x * x / (y * y);
            sy += 1 / y;
            sxy += x / y;
        }

        double determinant = (s1 * sxx) - (sx * sx);
        return new(((sy * sxx) - (sxy * sx)) / determinant, ((s1 * sxy) - (sx * sy)) / determinant, points);
    }
}

using System.Globalization;
using Lockstep.Plots;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>Points and their fitted lines on logarithmic axes, side by side, as SVG.</summary>
internal static class LinePlot
{
    private const int Steps = 60;

    public static string Draw(params IReadOnlyList<(string Name, StraightLine Line)> plots) => Picture.Draw([.. plots.Select(plot => Of(plot.Name, plot.Line))], plots.Count);

    private static Panel Of(string name, StraightLine line)
    {
        double low = line.Points.Min(p => p.X), high = line.Points.Max(p => p.X);
        IEnumerable<double> places = Enumerable.Range(0, Steps + 1).Select(i => low * Math.Pow(high / low, (double)i / Steps));
        string title = string.Create(CultureInfo.InvariantCulture, $"{line.Offset:0.###} + {line.Slope:0.###} x; largest deviation {line.LargestDeviation:P0}");
        return new Panel(title, name, "ms a step", [new Curve("", [.. places.Select(x => (x, line.At(x)))], CurveStyle.Line, 0), new Curve("", line.Points, CurveStyle.Dots, 1)]) { IsLogarithmicX = true, IsLogarithmicY = true };
    }
}

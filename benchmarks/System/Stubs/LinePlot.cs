using System.Globalization;
using System.Text;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>Points and their fitted lines on logarithmic axes, side by side, as SVG.</summary>
internal static class LinePlot
{
    private const int Width = 420;
    private const int Height = 320;
    private const int Margin = 56;
    private const int Steps = 60;

    public static string Draw(params IReadOnlyList<(string Name, StraightLine Line)> plots)
    {
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width * plots.Count} {Height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        foreach ((int index, (string name, StraightLine line)) in plots.Index())
        {
            Append(svg, index * Width, name, line);
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Append(StringBuilder svg, int left, string name, StraightLine line)
    {
        var x = new Axis(line.Points.Min(p => p.X), line.Points.Max(p => p.X), left + Margin, left + Width - 20);
        var y = new Axis(line.Points.Min(p => p.Y) / 2, line.Points.Max(p => p.Y) * 2, Height - Margin, 24);
        IEnumerable<string> fitted = Enumerable.Range(0, Steps + 1).Select(i => x.Low * Math.Pow(x.High / x.Low, (double)i / Steps)).Where(at => line.At(at) > 0).Select(at => $"{Text(x.At(at))},{Text(y.At(line.At(at)))}");
        svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"1.5\" points=\"{string.Join(' ', fitted)}\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<path fill=\"none\" stroke=\"black\" d=\"M{left + Margin} 24V{Height - Margin}H{left + Width - 20}\"/>\n");
        foreach ((double at, double ms) in line.Points)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{Text(x.At(at))}\" cy=\"{Text(y.At(ms))}\" r=\"4\" fill=\"#d62728\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Text(x.At(at))}\" y=\"{Height - Margin + 16}\" text-anchor=\"middle\">{at:0.##}</text>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Text(x.At(at))}\" y=\"{Text(y.At(ms) - 9)}\" text-anchor=\"middle\" fill=\"#d62728\">{ms:0.##}</text>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left + (Width / 2)}\" y=\"{Height - 12}\" text-anchor=\"middle\">{name}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left + Margin}\" y=\"16\">ms a step: {line.Offset:0.###} + {line.Slope:0.###} x; largest deviation {line.LargestDeviation:P0}</text>\n");
    }

    private static string Text(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    private sealed record Axis(double Low, double High, int From, int To)
    {
        public double At(double value) => From + ((To - From) * Math.Log(value / Low) / Math.Log(High / Low));
    }
}

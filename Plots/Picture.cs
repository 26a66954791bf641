using System.Globalization;
using System.Xml.Linq;
using Lockstep.Contracts;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace Lockstep.Plots;

/// <summary>Panels of curves as one picture, in SVG.</summary>
public static class Picture
{
    private const int Width = 620;
    private const int Height = 320;
    private const double Stroke = 1.5;

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    // Told apart on paper and by most who see few colors.
    private static readonly OxyColor[] Colors = [.. new[] { "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2" }.Select(OxyColor.Parse)];
    private static readonly OxyColor Grid = OxyColor.Parse("#e3e6ec");
    private static readonly OxyColor Frame = OxyColor.Parse("#9aa1b0");

    /// <summary>Draws panels, row by row.</summary>
    /// <param name="columns">Panels side by side.</param>
    public static string Draw(IReadOnlyList<Panel> panels, int columns = 2)
    {
        columns = Math.Min(columns, panels.Count);
        int rows = (panels.Count + columns - 1) / columns;
        var picture = new XElement(
            Svg + "svg",
            new XAttribute("viewBox", $"0 0 {columns * Width} {rows * Height}"),
            new XAttribute("width", columns * Width),
            new XAttribute("height", rows * Height),
            new XElement(Svg + "rect", new XAttribute("width", "100%"), new XAttribute("height", "100%"), new XAttribute("fill", "white")),
            panels.Select((panel, index) => Draw(panel, index, index % columns * Width, index / columns * Height)));
        return picture + "\n";
    }

    private static XElement Draw(Panel panel, int index, int x, int y)
    {
        XElement drawn = XDocument.Parse(new SvgExporter { Width = Width, Height = Height, UseVerticalTextAlignmentWorkaround = true, TextMeasurer = new TextMeasure() }.ExportToString(Model(panel))).Root!;
        // An id is used once in a document.
        foreach (XAttribute attribute in drawn.Descendants().Attributes().Where(a => a.Name.LocalName is "id" or "clip-path"))
        {
            attribute.Value = attribute.Value.Replace("clipPath", $"panel{index}-", StringComparison.Ordinal);
        }

        drawn.SetAttributeValue("x", x);
        drawn.SetAttributeValue("y", y);
        return drawn;
    }

    private static PlotModel Model(Panel panel)
    {
        var model = new PlotModel
        {
            Title = Printable.Of(panel.Title),
            TitleFontSize = 14,
            DefaultFont = "sans-serif",
            PlotAreaBorderColor = Frame,
            Padding = new OxyThickness(8, 8, 20, 8),
        };
        model.Legends.Add(new Legend { LegendPlacement = LegendPlacement.Outside, LegendPosition = LegendPosition.TopCenter, LegendOrientation = LegendOrientation.Horizontal, LegendItemSpacing = 16, LegendMargin = 0 });
        model.Axes.Add(Axis(panel.X, panel.IsLogarithmicX, AxisPosition.Bottom));
        Axis vertical = Axis(panel.Y, panel.IsLogarithmicY, AxisPosition.Left);
        if (panel.Counts)
        {
            (vertical.Minimum, vertical.MinimumMajorStep, vertical.MinorTickSize, vertical.MaximumPadding) = (0, 1, 0, 0.2);
        }

        model.Axes.Add(vertical);
        foreach (Curve curve in panel.Curves)
        {
            model.Series.Add(Series(curve, panel));
        }

        return model;
    }

    private static Axis Axis(string title, bool isLogarithmic, AxisPosition position)
    {
        Axis axis = isLogarithmic ? new LogarithmicAxis() : new LinearAxis();
        (axis.Position, axis.Title) = (position, Printable.Of(title));
        (axis.MajorGridlineStyle, axis.MajorGridlineColor, axis.TicklineColor, axis.MinorTickSize) = (LineStyle.Solid, Grid, Frame, isLogarithmic ? 3 : 0);
        axis.LabelFormatter = value => value.ToString(Math.Abs(value) is >= 1e6 or (> 0 and < 1e-4) ? "0.###e0" : "0.#####", CultureInfo.InvariantCulture);
        (axis.MinimumPadding, axis.MaximumPadding, axis.IntervalLength, axis.AxisTitleDistance) = position == AxisPosition.Bottom ? (0.01, 0.01, 70, 4) : (0.05, 0.05, 40, 8);
        return axis;
    }

    private static LineSeries Series(Curve curve, Panel panel)
    {
        OxyColor color = Colors[curve.Color % Colors.Length];
        LineSeries series = curve.Style is CurveStyle.Steps or CurveStyle.BrokenSteps ? new StairStepSeries { VerticalStrokeThickness = Stroke } : new LineSeries();
        series.Title = curve.Name.Length > 0 ? Printable.Of(curve.Name) : null;
        series.Color = color;
        series.StrokeThickness = Stroke;
        series.LineStyle = curve.Style switch
        {
            CurveStyle.Dotted or CurveStyle.BrokenSteps => LineStyle.Dash,
            CurveStyle.Dots => LineStyle.None,
            _ => LineStyle.Solid,
        };
        if (curve.Style is CurveStyle.Dotted or CurveStyle.Dots)
        {
            (series.MarkerType, series.MarkerSize, series.MarkerFill) = (MarkerType.Circle, 3, color);
        }

        series.Points.AddRange(curve.Points.Select(point => IsShown(point.X, panel.IsLogarithmicX) && IsShown(point.Y, panel.IsLogarithmicY) ? new DataPoint(point.X, point.Y) : DataPoint.Undefined));
        return series;
    }

    private static bool IsShown(double value, bool isLogarithmic) => double.IsFinite(value) && (!isLogarithmic || value > 0);
}

using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using CsCheck;

namespace Lockstep.Plots.Tests;

public sealed partial class PictureTests
{
    private static readonly (double, double)[] Line = [(0, 1), (50, 10), (100, 100)];

    [Fact]
    public void Points_lie_where_their_numbers_are()
    {
        XElement panel = Drawn(new Panel("p", "x", "y", [new Curve("", [(0, 0), (25, 50), (100, 100)], CurveStyle.Dots, 0)])).Single();
        (double X, double Y)[] dots = Dots(panel);
        Assert.Equal(3, dots.Length);
        Assert.Equal(0.25, (dots[1].X - dots[0].X) / (dots[2].X - dots[0].X), 1e-3);
        // Downwards is more.
        Assert.Equal(0.5, (dots[1].Y - dots[0].Y) / (dots[2].Y - dots[0].Y), 1e-3);
        Assert.True(dots[2].Y < dots[0].Y);
    }

    [Fact]
    public void On_a_logarithmic_axis_equal_factors_are_equally_far()
    {
        (double X, double Y)[] dots = Dots(Drawn(new Panel("p", "x", "y", [new Curve("", Line, CurveStyle.Dots, 0)]) { IsLogarithmicY = true }).Single());
        Assert.Equal(dots[1].Y - dots[0].Y, dots[2].Y - dots[1].Y, 0.01);
    }

    [Fact]
    public void What_cannot_be_shown_is_left_out()
    {
        Panel panel = new("p", "x", "y", [new Curve("", [(0, double.NaN), (1, 1), (2, double.PositiveInfinity), (3, 0), (4, 2)], CurveStyle.Dots, 0)]);
        Assert.Equal(3, Dots(Drawn(panel).Single()).Length);
        Assert.Equal(2, Dots(Drawn(panel with { IsLogarithmicY = true }).Single()).Length);
        // And nothing at all is a picture all the same.
        Assert.Empty(Dots(Drawn(panel with { Curves = [new Curve("", [(0, double.NaN)], CurveStyle.Line, 0)] }).Single()));
    }

    [Fact]
    public void A_curve_and_an_axis_are_named()
    {
        string[] texts = [.. Drawn(new Panel("the title", "steps", "loss", [new Curve("first", Line, CurveStyle.Line, 0), new Curve("second", Line, CurveStyle.Steps, 1)])).Single().Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value)];
        Assert.All(["the title", "steps", "loss", "first", "second"], name => Assert.Contains(name, texts));
        // Numbers at both axes.
        Assert.True(texts.Count(text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _)) >= 6, string.Join(' ', texts));
    }

    [Fact]
    public void Panels_lie_side_by_side_and_share_no_id()
    {
        XElement[] panels = [.. Drawn([.. Enumerable.Range(0, 5).Select(i => new Panel($"panel {i}", "x", "y", [new Curve("c", Line, CurveStyle.Dotted, i)]))])];
        Assert.Equal(["0 0", "620 0", "0 320", "620 320", "0 640"], panels.Select(p => $"{p.Attribute("x")!.Value} {p.Attribute("y")!.Value}"));
        string[] ids = [.. panels.SelectMany(p => p.Descendants().Attributes("id")).Select(a => a.Value)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        foreach (XElement panel in panels)
        {
            HashSet<string> own = [.. panel.Descendants().Attributes("id").Select(a => a.Value)];
            Assert.All(panel.Descendants().Attributes("clip-path"), a => Assert.Contains(Clip().Match(a.Value).Groups["id"].Value, own));
        }
    }

    [Fact]
    public void Any_name_and_any_numbers_are_a_picture() =>
        Gen.Select(Gen.String[0, 40], Gen.Select(Gen.Double, Gen.Double).Array[0, 20], Gen.Enum<CurveStyle>(), Gen.Bool, Gen.Bool).Sample((name, points, style, isLogarithmic, counts) =>
            Assert.Single(Drawn(new Panel(name, name, name, [new Curve(name, points, style, 3)]) { IsLogarithmicX = isLogarithmic, IsLogarithmicY = isLogarithmic, Counts = counts })), iter: 200);

    private static IEnumerable<XElement> Drawn(params Panel[] panels) => XElement.Parse(Picture.Draw(panels)).Elements().Where(e => e.Name.LocalName == "svg");

    /// <summary>Of curves without a name, which have none in a legend.</summary>
    private static (double X, double Y)[] Dots(XElement panel) =>
        [.. panel.Descendants().Where(e => e.Name.LocalName == "ellipse").Select(e => (Number(e, "cx"), Number(e, "cy")))];

    private static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("#(?<id>[^)]*)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Clip();
}

using System.Xml.Linq;
using CsCheck;
using Lockstep.SystemBenchmark.Stubs;

namespace Lockstep.Benchmarks.Tests;

public class StraightLineTests
{
    private static readonly double[] Sizes = [0.25, 1, 4, 16, 64, 256];

    [Fact]
    public void PointsOnALineAreThatLine() =>
        Gen.Select(Gen.Double[0.1, 50], Gen.Double[0.01, 20]).Sample((offset, slope) =>
        {
            StraightLine line = StraightLine.Fit([.. Sizes.Select(x => (x, offset + (slope * x)))]);
            Assert.Equal(0, line.LargestDeviation, 6);
            Assert.Equal(offset, line.Offset, 4);
            Assert.Equal(slope, line.Slope, 4);
        });

    [Fact]
    public void WhatBendsDeviatesAtEitherEnd()
    {
        Assert.InRange(StraightLine.Fit([.. Sizes.Select(x => (x, 1 + (x * x)))]).LargestDeviation, 0.3, double.PositiveInfinity);
        // A point that is dearer by a half shows, however small it is.
        Assert.InRange(StraightLine.Fit([.. Sizes.Select(x => (x, (1 + x) * (x == 1 ? 1.5 : 1)))]).LargestDeviation, 0.2, 0.5);
    }

    [Fact]
    public void ADrawingIsXmlWithAllPoints()
    {
        StraightLine line = StraightLine.Fit([.. Sizes.Select(x => (x, 1 + x))]);
        XElement svg = XElement.Parse(LinePlot.Draw(("megabytes", line), ("workers", line)));
        Assert.Equal(2 * Sizes.Length, svg.Descendants().Count(e => e.Name.LocalName == "ellipse"));
    }
}

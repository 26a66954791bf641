using Lockstep.SystemBenchmark;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.Benchmarks.Tests;

public class RowResultTests
{
    private static readonly Group Group = new("group");
    private static readonly Contender Ours = new(Group, "ours", (_, _) => throw new NotSupportedException());
    private static readonly Contender Peer = new(Group, "peer", (_, _) => throw new NotSupportedException());

    [Fact]
    public void ARatioIsThatOfTheMediansAndRoundsAreCompared()
    {
        RowResult result = Of(Row(isHighGood: true, bar: 2), [3, 30, 6], [1, 3, 2]);
        Assert.Equal(6, result.Ours);
        Assert.Equal(2, result.Peer);
        Assert.Equal(3, result.Ratio);
        Assert.Equal([3, 10, 3], result.Rounds);
        Assert.True(result.Reached);
        Assert.Equal(0.5, result.OthersCores);
    }

    [Theory]
    [InlineData(true, 3, true)]
    [InlineData(true, 3.1, false)]
    [InlineData(false, 3, true)]
    [InlineData(false, 2.9, false)]
    public void TheBarIsReachedFromTheSideThatIsGood(bool isHighGood, double bar, bool reached) =>
        Assert.Equal(reached, Of(Row(isHighGood, bar), [3], [1]).Reached);

    [Fact]
    public void WithoutAPeerOursItselfIsCompared()
    {
        var row = new Row("9", "count", "KB", Quantity.Of(Ours, Figures.Repeated), null, false, new(4, null), null);
        RowResult result = Of(row, [3, 4, 5], []);
        Assert.Equal(4, result.Ours);
        Assert.Null(result.Ratio);
        Assert.True(result.Reached);
    }

    [Fact]
    public void ATransportOfWhichNothingIsPromisedReachesNothing()
    {
        RowResult result = Of(Row(isHighGood: true, bar: 1) with { Grpc = null, Shared = new(1, null) }, [3], [1]);
        Assert.Equal(3, result.Ratio);
        Assert.Null(result.Bar);
        Assert.Null(result.Reached);
    }

    [Fact]
    public void WhatFailedIsSaidAndNotMeasured()
    {
        var samples = new Samples();
        samples.Fail(Peer, "it has no torch");
        Row row = Row(isHighGood: true, bar: 1);
        RowResult result = RowResult.Of(row, samples, Options(row), "machine");
        Assert.Equal("it has no torch", result.Missing);
        Assert.Null(result.Ratio);
        Assert.Null(result.Reached);
        Assert.Contains(RowTable.Of([result]), line => line.Contains("not measured: it has no torch", StringComparison.Ordinal));
    }

    [Fact]
    public void TheTableShowsWhatIsBeside()
    {
        Row row = Row(isHighGood: true, bar: 1) with { Beside = [new("M = 8", Quantity.Of(Ours, Figures.SamplesPerSecond), Quantity.Of(Peer, Figures.SamplesPerSecond))] };
        string line = RowTable.Of([Of(row, [3000], [1000])]).Last();
        Assert.Contains("| 3,000 samples/s | 1,000 samples/s | **3.000** |", line, StringComparison.Ordinal);
        Assert.EndsWith("| 1 | 2 | M = 8: 3.000 (3,000 over 1,000) |", line, StringComparison.Ordinal);
    }

    private static Row Row(bool isHighGood, double bar) =>
        new("3", "row", "samples/s", Quantity.Of(Ours, Figures.SamplesPerSecond), Quantity.Of(Peer, Figures.SamplesPerSecond), isHighGood, new(bar, 2), null);

    private static RowResult Of(Row row, double[] ours, double[] peer)
    {
        var samples = new Samples();
        foreach (double value in ours)
        {
            samples.Add(Ours, new Figures { [Figures.SamplesPerSecond] = value, [Figures.Repeated] = value, [Bench.OthersCores] = 0.5 });
        }

        foreach (double value in peer)
        {
            samples.Add(Peer, new Figures { [Figures.SamplesPerSecond] = value, [Bench.OthersCores] = 0.5 });
        }

        return RowResult.Of(row, samples, Options(row), "machine");
    }

    private static SystemOptions Options(Row row) => new() { Rows = [row], Quick = false, Rounds = 5, Transport = Wire.Grpc, Python = "python3", Baseline = null, Plot = null, Json = null };
}

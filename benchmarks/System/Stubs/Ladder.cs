using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>One rung: what a step costs of which nothing is computed.</summary>
/// <param name="X">What grows: megabytes, or workers.</param>
internal sealed record Rung(double X, Contender Contender);

/// <summary>What a step costs of which nothing is computed, over growing models and growing fleets of one process: a straight line, if nothing grows faster than the bytes.</summary>
internal static class Ladder
{
    private const long Megabyte = 1 << 20;

    private static readonly Group Group = new("ladder");

    /// <value>By megabytes of the model, with two workers.</value>
    public static IReadOnlyList<Rung> Sizes { get; } = [.. new[] { 0.25, 1, 4, 16, 64, 128, 256 }.Select(size => new Rung(size, StubRuns.OfOneProcess(Group, (long)(size * Megabyte), workers: 2)))];

    /// <value>By workers, with a slot each and a model of 4 MB.</value>
    public static IReadOnlyList<Rung> Fleets { get; } = [.. new[] { 1, 2, 4, 8, 16 }.Select(workers => new Rung(workers, workers == 2 ? Sizes[2].Contender : StubRuns.OfOneProcess(Group, 4 * Megabyte, workers)))];

    public static IEnumerable<Contender> All => Sizes.Concat(Fleets).Select(rung => rung.Contender).Distinct();

    /// <summary>How far a rung is from the straight line that fits best, of the line's value.</summary>
    public static Quantity Deviation(params IReadOnlyList<Rung>[] ladders) =>
        new([.. ladders.SelectMany(ladder => ladder).Select(rung => rung.Contender).Distinct()], samples => [ladders.Max(ladder => Fit(ladder, samples).LargestDeviation)]);

    /// <summary>Both ladders as SVG.</summary>
    public static string Draw(Samples samples) => LinePlot.Draw(
        ("model, MB; two workers", Fit(Sizes, samples)),
        ("workers of one process; 4 MB", Fit(Fleets, samples)));

    private static StraightLine Fit(IReadOnlyList<Rung> ladder, Samples samples) =>
        StraightLine.Fit([.. ladder.Select(rung => (rung.X, Measured.Median(samples.Of(rung.Contender, Figures.StepMs))))]);
}

namespace Lockstep.SystemBenchmark.Rows;

/// <summary>A number that is read from what contenders gave.</summary>
/// <param name="From">Those that it needs.</param>
/// <param name="Values">One a round, or one for all.</param>
internal sealed record Quantity(IReadOnlyList<Contender> From, Func<Samples, IReadOnlyList<double>> Values)
{
    /// <summary>One figure of one contender.</summary>
    public static Quantity Of(Contender contender, string figure) => new([contender], samples => samples.Of(contender, figure));

    /// <summary>By round the greater of two figures of one contender.</summary>
    public static Quantity Most(Contender contender, string one, string other) =>
        new([contender], samples => [.. samples.Of(contender, one).Zip(samples.Of(contender, other), Math.Max)]);

    /// <summary>Over contenders the largest of their medians, of all figures whose names begin so.</summary>
    public static Quantity Largest(IReadOnlyList<Contender> contenders, string prefix) =>
        new(contenders, samples => [contenders.SelectMany(c => samples.FiguresOf(c).Where(f => f.StartsWith(prefix, StringComparison.Ordinal)).Select(f => Benchmarks.Measured.Median(samples.Of(c, f)))).Max()]);

    /// <summary>A count, over all contenders and rounds.</summary>
    public static Quantity Total(IReadOnlyList<Contender> contenders, string figure) =>
        new(contenders, samples => [contenders.Sum(c => samples.Of(c, figure).Sum())]);
}

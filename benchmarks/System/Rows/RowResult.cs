using System.Text.Json.Serialization;
using Lockstep.Benchmarks;

namespace Lockstep.SystemBenchmark.Rows;

/// <summary>What a row came to, as it stands in the JSON.</summary>
internal sealed record RowResult
{
    /// <value>3 or 3.1.</value>
    public required decimal Row { get; init; }
    public required string Name { get; init; }
    public required string Unit { get; init; }
    /// <value>Median of the rounds; null: it could not be measured.</value>
    public double? Ours { get; init; }
    public double? Peer { get; init; }
    /// <value>Ours over the peer's median.</value>
    public double? Ratio { get; init; }
    /// <value>Of the ratio, or of ours where there is no peer; null: this transport promises nothing.</value>
    public required double? Bar { get; init; }
    public required double? Aim { get; init; }
    /// <value>Whether the bar is reached; null: there is none, or nothing was measured.</value>
    public bool? Reached { get; init; }
    public required string Transport { get; init; }
    /// <value>By round, ours over the peer's, or ours.</value>
    public IReadOnlyList<double> Rounds { get; init; } = [];
    public required bool Quick { get; init; }
    public IReadOnlyList<Other> Beside { get; init; } = [];
    /// <value>Why it could not be measured.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Missing { get; init; }
    public required string Machine { get; init; }
    /// <value>Cores that other programs kept busy while this row's contenders ran, the median of the runs; null: none ran.</value>
    public double? OthersCores { get; init; }

    public static RowResult Of(Row row, Samples samples, SystemOptions options, string machine)
    {
        Target? target = row.TargetOver(options.Transport);
        var result = new RowResult
        {
            Row = decimal.Parse(row.Number, System.Globalization.CultureInfo.InvariantCulture),
            Name = row.Name,
            Unit = row.Unit,
            Bar = target?.Bar,
            Aim = target?.Aim,
            Transport = options.Transport == Wire.Shared ? "shared" : "grpc",
            Quick = options.Quick,
            Machine = machine,
        };
        string[] failures = [.. row.Contenders.Select(samples.FailureOf).Where(why => why is not null).Distinct()!];
        if (failures.Length > 0)
        {
            return result with { Missing = string.Join("; ", failures) };
        }

        (double ours, double? peer, double? ratio, IReadOnlyList<double> rounds) = Compare(row.Ours, row.Peer, samples);
        return result with
        {
            Ours = ours,
            Peer = peer,
            Ratio = ratio,
            Rounds = rounds,
            Reached = target is null ? null : row.IsHighGood ? (ratio ?? ours) >= target.Bar : (ratio ?? ours) <= target.Bar,
            Beside = [.. row.Beside.Select(b => Other.Of(b, samples))],
            OthersCores = Math.Round(Measured.Median([.. row.Contenders.SelectMany(c => samples.Of(c, Bench.OthersCores))]), 2),
        };
    }

    private static (double Ours, double? Peer, double? Ratio, IReadOnlyList<double> Rounds) Compare(Quantity ours, Quantity? peer, Samples samples)
    {
        IReadOnlyList<double> mine = ours.Values(samples);
        if (peer is null)
        {
            return (Measured.Median(mine), null, null, mine);
        }

        IReadOnlyList<double> theirs = peer.Values(samples);
        (double one, double other) = (Measured.Median(mine), Measured.Median(theirs));
        return (one, other, one / other, [.. mine.Zip(theirs, (a, b) => a / b)]);
    }

    /// <summary>What is told beside.</summary>
    internal sealed record Other(string Name, double Ours, double? Peer, double? Ratio)
    {
        public static Other Of(Beside beside, Samples samples)
        {
            (double ours, double? peer, double? ratio, _) = Compare(beside.Ours, beside.Peer, samples);
            return new(beside.Name, ours, peer, ratio);
        }
    }
}

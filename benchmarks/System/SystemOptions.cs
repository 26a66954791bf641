using Lockstep.Contracts;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark;

/// <summary>How the bytes of a step travel between worker and parameter server.</summary>
internal enum Wire { Grpc = 1, Shared = 2 }

/// <summary>What is measured, and how.</summary>
internal sealed record SystemOptions
{
    /// <value>A median of fewer says little.</value>
    public const int LeastRounds = 5;
    private const int QuickRounds = 2;

    public required IReadOnlyList<Row> Rows { get; init; }
    /// <value>Fewer and shorter rounds: shows that it works, and no more.</value>
    public required bool Quick { get; init; }
    public required int Rounds { get; init; }
    public required Wire Transport { get; init; }
    /// <value>The interpreter that has torch.</value>
    public required string Python { get; init; }
    /// <value>Where the earlier commit is, or is to be built and kept; null: in a temporary folder.</value>
    public required string? Baseline { get; init; }
    /// <value>File of row 12's drawing; null: none.</value>
    public required string? Plot { get; init; }
    /// <value>File of the figures; null: none.</value>
    public required string? Json { get; init; }

    /// <exception cref="InputException">There is no such row, or so few rounds make no median.</exception>
    public static (IReadOnlyList<Row> Rows, int Rounds) Check(string? rows, int? rounds, bool quick)
    {
        int least = quick ? 1 : LeastRounds;
        if (rounds < least)
        {
            throw new InputException("--rounds", 0, $"{rounds} rounds are too few.", $"Give {least} or more{(quick ? "" : ", or --quick")}.");
        }

        return (RowCatalog.Find(rows), rounds ?? (quick ? QuickRounds : LeastRounds));
    }
}

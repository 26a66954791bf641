using System.Globalization;

namespace Lockstep.SystemBenchmark.Rows;

/// <summary>The results as a table of Markdown.</summary>
internal static class RowTable
{
    public static IEnumerable<string> Of(IReadOnlyList<RowResult> results)
    {
        yield return "| row | what | ours | peer | ratio | by round | bar | aim | beside |";
        yield return "|---|---|---|---|---|---|---|---|---|";
        foreach (RowResult row in results)
        {
            yield return row.Missing is { } why
                ? $"| {Text(row.Row)} | {row.Name} | not measured: {why} | | | | {Text(row.Bar)} | {Text(row.Aim)} | |"
                : $"| {Text(row.Row)} | {row.Name}{(row.Quick ? " (quick)" : "")} | {Text(row.Ours)} {row.Unit} | {(row.Peer is null ? "" : $"{Text(row.Peer)} {row.Unit}")} | {(row.Ratio is null ? "" : $"**{Ratio(row.Ratio)}**")} | {Range(row)} | {Text(row.Bar)} | {Text(row.Aim)} | {string.Join("; ", row.Beside.Select(Other))} |";
        }
    }

    private static string Range(RowResult row) => row.Rounds.Count < 2 ? "" : row.Ratio is null ? $"{Text(row.Rounds.Min())} to {Text(row.Rounds.Max())}" : $"{Ratio(row.Rounds.Min())} to {Ratio(row.Rounds.Max())}";

    private static string Other(RowResult.Other other) => other.Ratio is null ? $"{other.Name}: {Text(other.Ours)}" : $"{other.Name}: {Ratio(other.Ratio)} ({Text(other.Ours)} over {Text(other.Peer)})";

    private static string Text(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Three digits that count.</summary>
    private static string Text(double? value) => value switch
    {
        null => "",
        >= 1000 => value.Value.ToString("N0", CultureInfo.InvariantCulture),
        _ => value.Value.ToString("G3", CultureInfo.InvariantCulture),
    };

    private static string Ratio(double? value) => value?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";
}

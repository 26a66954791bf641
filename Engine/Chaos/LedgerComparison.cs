using System.Text.Json;
using Lockstep.Contracts.Runs;

namespace Lockstep.Engine.Chaos;

/// <summary>Two runs' ledgers, line by line.</summary>
/// <param name="Lines">Of the first.</param>
/// <param name="Difference">What is different first, for people; null: nothing.</param>
public sealed record LedgerComparison(int Lines, string? Difference)
{
    /// <param name="steps">Lines that both must have.</param>
    public static LedgerComparison Of(RunFolder quiet, RunFolder disturbed, long steps)
    {
        LedgerLine[] one = Read(quiet.Ledger);
        LedgerLine[] other = Read(disturbed.Ledger);
        for (int line = 0; line < Math.Min(one.Length, other.Length); line++)
        {
            if (one[line] != other[line])
            {
                return new(one.Length, $"line {line + 1}: {one[line].Hash} after step {one[line].Step}, and {other[line].Hash} after step {other[line].Step}");
            }
        }

        return new(one.Length, one.Length == steps && other.Length == steps ? null : $"{steps} steps were to be done; the quiet run has {one.Length} lines, the disturbed one {other.Length}");
    }

    private static LedgerLine[] Read(string path)
    {
        try
        {
            return File.Exists(path) ? [.. File.ReadLines(path).Select(LedgerLine.FromJson)] : [];
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{path} is no ledger: {exception.Message}", exception);
        }
    }
}

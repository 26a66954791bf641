namespace Lockstep.Contracts.Runs;

/// <summary>Lines of a ledger, in a row, that were computed in one determinism class.</summary>
/// <param name="After">Version that its first step began with: the line before its first one.</param>
/// <param name="To">Step of its last line.</param>
/// <param name="Class">Null: the ledger does not say.</param>
public sealed record LedgerPart(long After, long To, string? Class)
{
    /// <param name="lines">In order of their steps.</param>
    public static IReadOnlyList<LedgerPart> Of(IEnumerable<LedgerLine> lines)
    {
        var parts = new List<LedgerPart>();
        foreach (LedgerLine line in lines)
        {
            if (parts.Count == 0 || (line.Class is { } other && other != parts[^1].Class))
            {
                parts.Add(new LedgerPart(line.Step - 1, line.Step, line.Class));
            }
            else
            {
                parts[^1] = parts[^1] with { To = line.Step };
            }
        }

        return parts;
    }
}

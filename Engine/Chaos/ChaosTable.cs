using System.Globalization;
using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts;

namespace Lockstep.Engine.Chaos;

/// <summary>A verdict as Markdown: a row a fault, with what was said of its target, and the result below.</summary>
public static class ChaosTable
{
    /// <summary>Of one fault: what is said later has other causes.</summary>
    private const int MostSaid = 3;

    public static string Of(ChaosVerdict verdict)
    {
        IEnumerable<string> rows = verdict.Faults.Zip(verdict.Recoveries, verdict.Said).Select(row => Row(row.First, row.Second, row.Third));
        string[] lines =
        [
            "| Fault | Target | Step | Next step after (s) | What was said of it |",
            "|---|---|---|---|---|",
            .. rows,
            "",
            string.Create(CultureInfo.InvariantCulture, $"{Amount.Of(verdict.Faults.Count, "fault")}; ledger {(verdict.SameLedger ? $"the same in all {Amount.Of(verdict.Ledgers.Lines, "line")}" : $"NOT the same: {verdict.Ledgers.Difference}")}; {Amount.Of(verdict.StepsRepeated, "step")} repeated; goodput {verdict.Goodput:0.00}."),
        ];
        return string.Join(Environment.NewLine, lines) + Environment.NewLine;
    }

    private static string Row(FiredFault fault, double? recoveryMs, IReadOnlyList<string> said)
    {
        string at = fault.At.Phase is { } phase ? $"{fault.At.Step} at {JobWords.Of(phase)}" : $"{fault.At.Step}";
        string recovery = recoveryMs is { } ms ? (ms / 1000).ToString("0.00", CultureInfo.InvariantCulture) : "–";
        // A bar would end the cell.
        return $"| {JobWords.Of(fault.Kind)} | {fault.Target} | {at} | {recovery} | {string.Join("<br>", said.Take(MostSaid).Select(text => text.Replace("|", "\\|", StringComparison.Ordinal)))} |";
    }
}

using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>All of a run that may not depend on who took part: state, losses and evaluations, to the bit.</summary>
internal static class Ledger
{
    public static IReadOnlyList<string> Of(IEnumerable<StepReport> reports) => [.. reports.Select(Line)];

    public static void Equal(string name, IEnumerable<string> expected, IEnumerable<string> actual) =>
        Assert.True(expected.SequenceEqual(actual), $"{name}:\n{string.Join('\n', expected)}\nbut\n{string.Join('\n', actual)}");

    private static string Line(StepReport report) =>
        $"{report.Cursor.Step}{(report.Cursor.Attempt == Cursor.Evaluation ? " evaluation" : "")} {report.Ledger} {BitConverter.DoubleToInt64Bits(report.Loss):x} {report.Samples} {report.EscapedBlocks} "
        + string.Join(' ', report.EvaluationParts.Select(p => $"{p.Samples}:{string.Join('/', p.Parts.Prepend(p.LossSum).Select(part => BitConverter.DoubleToInt64Bits(part).ToString("x")))}"));
}

/// <summary>A folder that is gone afterwards.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lockstep-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

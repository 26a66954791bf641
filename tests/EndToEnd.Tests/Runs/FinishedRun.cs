using Lockstep.Contracts.Runs;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests.Runs;

/// <summary>A run that came to its end, and what the command said.</summary>
internal sealed record FinishedRun(RunFolder Folder, CliResult Result)
{
    public RunSummary Summary { get; } = RunSummary.FromJson(File.ReadAllText(Folder.Summary));

    public IReadOnlyList<string> Ledger { get; } = File.ReadAllLines(Folder.Ledger);

    public IReadOnlyList<RunRecord> Records { get; } = [.. File.ReadLines(Folder.Metrics).Select(RunRecord.FromJson)];

    /// <summary>Trains; the command must succeed.</summary>
    public static async Task<FinishedRun> TrainAsync(string job, string output, params string[] arguments)
    {
        CliResult result = await CliProcess.RunAsync(["train", job, "--output", output, .. arguments]);
        Assert.True(result.ExitCode == 0, result.All);
        return new FinishedRun(new RunFolder(output), result);
    }
}

using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>Ctrl-C in the middle of a run, and going on.</summary>
public sealed class ResumeTests(DigitsRuns runs) : IDisposable
{
    private const string Hint = "Interrupted. Go on with: lockstep ";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_interrupted_run_goes_on_as_if_nothing_had_happened()
    {
        FinishedRun quiet = await runs.AloneAsync();
        var run = new RunFolder(_folder.In("interrupted"));
        CliResult interrupted;
        await using (CliProcess process = CliProcess.Start(["train", Built.Sample("digits"), "--output", run.Path, .. DigitsRuns.Settings]))
        {
            await Waiting.UntilAsync(() => CheckpointSet.List(run.Checkpoints).Count > 0, Patience, "a first checkpoint");
            SystemProcess.Signal(process.Id, SystemProcess.Interrupt);
            interrupted = await process.EndAsync();
        }

        Assert.True(interrupted.ExitCode == 130, interrupted.All);
        string hint = Assert.Single(interrupted.Error.Split(Environment.NewLine), line => line.StartsWith(Hint, StringComparison.Ordinal));
        int before = File.ReadAllLines(run.Ledger).Length;
        Assert.InRange(before, DigitsRuns.CheckpointEvery, DigitsRuns.Steps - 1);
        Assert.False(File.Exists(run.Model));

        // The hint is a command: it is done as it stands.
        CliResult resumed = await CliProcess.RunAsync([.. hint[Hint.Length..].Split(' '), "--workers", "1"]);

        Assert.True(resumed.ExitCode == 0, resumed.All);
        var finished = new FinishedRun(run, resumed);
        Assert.Equal(quiet.Ledger, finished.Ledger);
        Assert.Equal(quiet.Summary.ParametersSha256, finished.Summary.ParametersSha256);
        Assert.Equal(quiet.Records.OfType<StepRecord>().Select(s => (s.Step, s.Loss)), finished.Records.OfType<StepRecord>().Select(s => (s.Step, s.Loss)));
        // Both parts count: the first had a worker that the second has not.
        Assert.Equal(DigitsRuns.Steps * 8, finished.Summary.SlotsByWorker.Values.Sum());
        Assert.DoesNotContain($"step 1/{DigitsRuns.Steps}", resumed.Output, StringComparison.Ordinal);
    }
}

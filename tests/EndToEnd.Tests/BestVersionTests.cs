using System.Text.Json;
using Lockstep.Contracts.Runs;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A job that keeps its best version and ends early, with real processes that are killed: the same version, the same end, the same files.</summary>
public sealed class BestVersionTests : IDisposable
{
    private const int StepsPerEpoch = 23;

    /// <summary>The second evaluation that is no better.</summary>
    private const int End = 3 * StepsPerEpoch;

    private const string Schedule = """
        faults:
          - {kind: kill, at: {step: 5}, target: worker-0}
          - {kind: kill-shard, at: {step: 30}, target: ps-0}
          - {kind: kill-scheduler, at: {step: 40}}
          - {kind: kill-shard, at: {step: 52}, target: ps-1}
        """;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Whoever_is_killed_the_best_version_and_the_end_are_the_same()
    {
        // The accuracy rises from epoch to epoch, so that by the least of it the first is the best.
        CliResult result = await CliProcess.RunAsync(
            ["chaos", Built.Sample("digits"), "--workers", "3", "--shards", "2", "--output", _folder.In("run"), "--schedule", _folder.Write("faults.yaml", Schedule), "--min-faults", "4",
                "--set", "best.metric=accuracy", "best.mode=min", "best.patience=2", "checkpoint.every=10", "checkpoint.keep=1"]);

        Assert.True(result.ExitCode == 0, result.All);
        FinishedRun quiet = Run("quiet", result), disturbed = Run("disturbed", result);
        Assert.Equal(End, quiet.Ledger.Count);
        Assert.Equal(quiet.Ledger, disturbed.Ledger);
        Assert.True(disturbed.Summary.StepsRepeated > 0, "No shard went back to a checkpoint.");
        Assert.All([quiet, disturbed], run =>
        {
            Assert.True(run.Summary.StoppedEarly);
            Assert.Equal((End, "accuracy", StepsPerEpoch), ((int)run.Summary.Steps, run.Summary.Best!.Metric, (int)run.Summary.Best.Step));
            Assert.Equal(run.Summary.Best.Value, run.Summary.Validation["accuracy"]);
            Assert.Equal([(StepsPerEpoch, 0), (StepsPerEpoch, 1), (StepsPerEpoch, 2)], run.Records.OfType<EvaluationRecord>().Select(evaluation => ((int)evaluation.Best!.Step!, evaluation.Best.Waited)));
        });
        Assert.All([(RunFolder run) => run.Model, run => run.LastModel], file => Assert.Equal(File.ReadAllBytes(file(quiet.Folder)), File.ReadAllBytes(file(disturbed.Folder))));
        Assert.NotEqual(File.ReadAllBytes(quiet.Folder.Model), File.ReadAllBytes(quiet.Folder.LastModel));

        await OthersKnowAsync(disturbed);
    }

    private async Task OthersKnowAsync(FinishedRun run)
    {
        CliResult verified = await CliProcess.RunAsync("verify", run.Folder.Path);
        Assert.True(verified.ExitCode == 0, verified.All);
        Assert.Contains("The model file holds exactly these values.", verified.Output, StringComparison.Ordinal);

        CliResult evaluated = await CliProcess.RunAsync("evaluate", run.Folder.Path, "--json");
        Assert.True(evaluated.ExitCode == 0, evaluated.All);
        using JsonDocument answer = JsonDocument.Parse(evaluated.Output);
        Assert.Equal(run.Summary.Best!.Value, answer.RootElement.GetProperty("metrics").GetProperty("accuracy").GetDouble());

        string picture = _folder.In("run.svg");
        CliResult drawn = await CliProcess.RunAsync("plot", run.Folder.Path, "--output", picture);
        Assert.True(drawn.ExitCode == 0, drawn.All);
        Assert.Contains(">best<", await File.ReadAllTextAsync(picture, TestContext.Current.CancellationToken), StringComparison.Ordinal);

        // It is finished: there is nothing to go on with.
        CliResult resumed = await CliProcess.RunAsync("train", run.Folder.Job, "--resume", "--output", run.Folder.Path);
        Assert.True(resumed.ExitCode != 0, resumed.All);
    }

    private FinishedRun Run(string name, CliResult result) => new(new RunFolder(Path.Combine(_folder.In("run"), name)), result);
}

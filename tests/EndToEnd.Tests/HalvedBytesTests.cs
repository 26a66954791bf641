using System.Text.Json;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>Contributions in 16 bits and pulls as bfloat16: exact as ever, over both transports, and the same whoever looks at the run afterwards.</summary>
public sealed class HalvedBytesTests : IDisposable
{
    private const int Steps = 40;

    private static readonly string[] Settings = ["--set", "epochs=", "--set", $"steps={Steps}", "--set", "checkpoint.every=30", "--set", "contribution=16", "--set", "pull=bfloat16"];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task One_ledger_over_both_transports_that_is_verified_evaluated_and_not_resumed_as_another_job()
    {
        FinishedRun alone = await TrainAsync("alone", "--workers", "1", "--shards", "1", "--transport", "grpc");
        FinishedRun together = await TrainAsync("together", "--workers", "3", "--shards", "2", "--set", "workers.min=3", "--transport", "shared");
        FinishedRun apart = await TrainAsync("apart", "--workers", "2", "--shards", "2", "--set", "workers.min=2", "--transport", "grpc");

        foreach (FinishedRun run in new[] { together, apart })
        {
            Assert.Equal(alone.Ledger, run.Ledger);
            Assert.Equal(alone.Summary.ParametersSha256, run.Summary.ParametersSha256);
            Assert.Equal(alone.Summary.Validation, run.Summary.Validation);
            Assert.Equal(alone.Summary.TrainLoss, run.Summary.TrainLoss);
        }

        Assert.Equal((3, 2), (together.Summary.SlotsByWorker.Count, apart.Summary.SlotsByWorker.Count));

        CliResult verified = await CliProcess.RunAsync("verify", together.Folder.Path);
        Assert.True(verified.ExitCode == 0, verified.All);
        Assert.Contains("steps 1 to 40 were computed again from version 0, and 40 lines of the ledger are equal", verified.Output, StringComparison.Ordinal);
        Assert.Contains("The model file holds exactly these values", verified.Output, StringComparison.Ordinal);

        CliResult evaluated = await CliProcess.RunAsync("evaluate", together.Folder.Path, "--json");
        Assert.True(evaluated.ExitCode == 0, evaluated.All);
        using JsonDocument answer = JsonDocument.Parse(evaluated.Output);
        JsonElement metrics = answer.RootElement.GetProperty("metrics");
        Assert.Equal(together.Summary.Validation["accuracy"], metrics.GetProperty("accuracy").GetDouble());
        Assert.Equal(together.Summary.Validation["loss"], metrics.GetProperty("loss").GetDouble(), 1e-6);

        CliResult resumed = await CliProcess.RunAsync("train", together.Folder.Job, "--output", together.Folder.Path, "--resume", "--set", "contribution=32");
        Assert.True(resumed.ExitCode == 2, resumed.All);
        Assert.Contains("The folder holds a run of another job.", resumed.Error, StringComparison.Ordinal);
    }

    private Task<FinishedRun> TrainAsync(string name, params string[] arguments) => FinishedRun.TrainAsync(Built.Sample("digits"), _folder.In(name), [.. Settings, .. arguments]);
}

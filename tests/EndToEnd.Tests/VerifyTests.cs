using System.Text.Json;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary><c>lockstep verify</c> on a run that several processes made.</summary>
public sealed class VerifyTests(DigitsRuns runs) : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Proves_a_run_from_its_checkpoint_to_its_model()
    {
        FinishedRun run = await runs.TogetherAsync();

        CliResult result = await CliProcess.RunAsync("verify", run.Folder.Path);

        Assert.True(result.ExitCode == 0, result.All);
        Assert.Contains("steps 81 to 100 were computed again from version 80, and 20 lines of the ledger are equal", result.Output, StringComparison.Ordinal);
        Assert.Contains("The model file holds exactly these values", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Computes_from_the_start_what_no_checkpoint_is_left_of()
    {
        FinishedRun run = await runs.TogetherAsync();

        CliResult result = await CliProcess.RunAsync("verify", run.Folder.Path, "--steps", "5..12", "--json");

        Assert.True(result.ExitCode == 0, result.All);
        using JsonDocument verdict = JsonDocument.Parse(result.Output);
        Assert.Equal((true, 8, 0), (verdict.RootElement.GetProperty("equal").GetBoolean(), verdict.RootElement.GetProperty("compared").GetInt32(), verdict.RootElement.GetProperty("verified")[0].GetProperty("start").GetInt32()));
    }

    [Fact]
    public async Task Finds_a_line_of_the_ledger_that_was_altered()
    {
        FinishedRun run = await runs.TogetherAsync();
        string copy = _folder.CopyOf(run.Folder.Path, "altered");
        string[] ledger = [.. run.Ledger];
        ledger[92] = ledger[92][..^4] + (ledger[92][^4] == '0' ? '1' : '0') + ledger[92][^3..];
        await File.WriteAllLinesAsync(Path.Combine(copy, "ledger.jsonl"), ledger, TestContext.Current.CancellationToken);

        CliResult result = await CliProcess.RunAsync("verify", copy);

        Assert.True(result.ExitCode == 1, result.All);
        Assert.Contains("Different: step 93 ", result.Output, StringComparison.Ordinal);
        Assert.Contains("12 steps before it are equal", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Finds_a_model_that_was_altered()
    {
        FinishedRun run = await runs.TogetherAsync();
        string copy = _folder.CopyOf(run.Folder.Path, "altered");
        byte[] model = await File.ReadAllBytesAsync(run.Folder.Model, TestContext.Current.CancellationToken);
        model[^2] ^= 1;
        await File.WriteAllBytesAsync(Path.Combine(copy, "model.safetensors"), model, TestContext.Current.CancellationToken);

        CliResult result = await CliProcess.RunAsync("verify", copy, "--steps", "100..100");

        Assert.True(result.ExitCode == 1, result.All);
        Assert.Contains("The model file does NOT hold these values", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("90..80")]
    [InlineData("90")]
    [InlineData("1..101")]
    [InlineData("0..5")]
    public async Task Steps_that_the_run_has_not_are_bad_input(string steps)
    {
        FinishedRun run = await runs.TogetherAsync();

        CliResult result = await CliProcess.RunAsync("verify", run.Folder.Path, "--steps", steps);

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains("--steps: ", result.Error, StringComparison.Ordinal);
    }
}

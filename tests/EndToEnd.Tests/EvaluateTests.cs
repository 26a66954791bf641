using System.Buffers.Binary;
using System.Text.Json;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary><c>lockstep evaluate</c>.</summary>
public sealed class EvaluateTests(DigitsRuns runs) : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Gives_the_metrics_of_the_summary()
    {
        FinishedRun run = await runs.TogetherAsync();

        CliResult result = await CliProcess.RunAsync("evaluate", run.Folder.Path, "--json");

        Assert.True(result.ExitCode == 0, result.All);
        using JsonDocument answer = JsonDocument.Parse(result.Output);
        Assert.Equal(359, answer.RootElement.GetProperty("samples").GetInt32());
        JsonElement metrics = answer.RootElement.GetProperty("metrics");
        Assert.Equal(run.Summary.Validation["accuracy"], metrics.GetProperty("accuracy").GetDouble());
        // The sum is cut into other slots than the run's.
        Assert.Equal(run.Summary.Validation["loss"], metrics.GetProperty("loss").GetDouble(), 1e-6);
    }

    [Fact]
    public async Task Measures_on_other_data_with_the_normalisation_of_the_model()
    {
        FinishedRun run = await runs.AloneAsync();

        CliResult result = await CliProcess.RunAsync("evaluate", run.Folder.Model, "--data", Path.Combine(Path.GetDirectoryName(Built.Sample("digits"))!, "digits.csv.gz"), "--json");

        Assert.True(result.ExitCode == 0, result.All);
        using JsonDocument answer = JsonDocument.Parse(result.Output);
        Assert.Equal(1797, answer.RootElement.GetProperty("samples").GetInt32());
        Assert.InRange(answer.RootElement.GetProperty("metrics").GetProperty("accuracy").GetDouble(), 0.8, 1);
    }

    [Fact]
    public async Task A_model_without_its_job_is_asked_for_data()
    {
        FinishedRun run = await runs.AloneAsync();
        string path = _folder.In("moved.safetensors");
        File.Copy(run.Folder.Model, path);

        CliResult result = await CliProcess.RunAsync("evaluate", path);

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains("--data", result.Error, StringComparison.Ordinal);
        Assert.Contains("digits.csv.gz", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_file_with_a_bad_header_is_bad_input()
    {
        FinishedRun run = await runs.AloneAsync();
        byte[] model = await File.ReadAllBytesAsync(run.Folder.Model, TestContext.Current.CancellationToken);
        BinaryPrimitives.WriteInt64LittleEndian(model, model.Length);
        string path = _folder.In("bad.safetensors");
        await File.WriteAllBytesAsync(path, model, TestContext.Current.CancellationToken);

        CliResult result = await CliProcess.RunAsync("evaluate", path);

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains(path, result.Error, StringComparison.Ordinal);
        Assert.Contains("header", result.Error, StringComparison.Ordinal);
    }
}

using System.Text.Json;
using Lockstep.Contracts.Runs;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.Tests;

namespace Lockstep.EndToEnd.Tests;

/// <summary>The model of samples/torchscript, which was scripted in Python, with the command.</summary>
public sealed class TorchscriptTests : IDisposable
{
    private const int Steps = 30;

    private static readonly string Sample = Path.Combine(Built.Root, "samples", "torchscript");
    private static readonly string Job = Path.Combine(Sample, "job.yaml");

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Workers_and_a_shard_die_and_the_ledger_stays_as_it_is_and_the_model_is_measured()
    {
        string schedule = _folder.Write("faults.yaml", """
            - {kind: kill, at: {step: 6}, target: worker-0}
            - {kind: kill, at: {step: 12, phase: compute, worker: worker-1}}
            - {kind: kill-shard, at: {step: 20}, target: ps-1}
            """);
        string verdict = _folder.In("verdict.json");

        CliResult result = await CliProcess.RunAsync("chaos", Job, "--workers", "2", "--shards", "2", "--schedule", schedule, "--output", _folder.In("run"), "--json", verdict, "--set", "epochs=", $"steps={Steps}", "checkpoint.every=8");

        Assert.True(result.ExitCode == 0, result.All);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(verdict, TestContext.Current.CancellationToken));
        Assert.True(json.RootElement.GetProperty("sameLedger").GetBoolean());
        Assert.Equal(3, json.RootElement.GetProperty("faults").GetArrayLength());
        string disturbed = Path.Combine(_folder.In("run"), "disturbed");
        CliResult measured = await CliProcess.RunAsync("evaluate", disturbed, "--json");
        Assert.True(measured.ExitCode == 0, measured.All);
        using JsonDocument metrics = JsonDocument.Parse(measured.Output);
        Assert.InRange(metrics.RootElement.GetProperty("metrics").GetProperty("accuracy").GetDouble(), 0.5, 1);

        // Away from the run, the model needs its TorchScript file beside it, and no other.
        string moved = _folder.In("moved.safetensors"), data = Path.Combine(Built.Root, "samples", "digits", "digits.csv.gz");
        File.Copy(new RunFolder(disturbed).Model, moved);
        CliResult without = await CliProcess.RunAsync("predict", moved, "--data", data);
        Assert.Equal(2, without.ExitCode);
        Assert.Contains("The model is of the TorchScript file model.pt, which is not at ", without.Error, StringComparison.Ordinal);
        ChangedScript.Write(Path.Combine(Sample, "model.pt"), _folder.In("model.pt"), "code/__torch__.py", "torch.sigmoid", "torch.tanh");
        CliResult another = await CliProcess.RunAsync("predict", moved, "--data", data);
        Assert.Equal(2, another.ExitCode);
        Assert.Contains("This is another TorchScript file than the one that the model was trained from.", another.Error, StringComparison.Ordinal);
        File.Copy(Path.Combine(Sample, "model.pt"), _folder.In("model.pt"), overwrite: true);
        CliResult predicted = await CliProcess.RunAsync("predict", moved, "--data", data);
        Assert.True(predicted.ExitCode == 0, predicted.All);
        Assert.Equal(1 + 1797, predicted.Output.TrimEnd().Split('\n').Length);
    }

    /// <summary>libtorch throws there what TorchSharp does not catch, which ends the process that reads it.</summary>
    [Fact]
    public async Task Code_that_does_not_compile_here_is_told_and_ends_nothing()
    {
        string model = _folder.In("net.pt");
        ChangedScript.Write(Path.Combine(Sample, "model.pt"), model, "code/__torch__.py", "torch.sigmoid", "ops.other.sigmoid");

        CliResult result = await CliProcess.RunAsync("train", Job, "--output", _folder.In("run"), "--set", $"model.torchscript={model}");

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Matches(@"net\.pt: libtorch 2\.[0-9.]+\S* cannot read the TorchScript file: Unknown builtin op: other::sigmoid", result.Error);
        Assert.DoesNotContain("terminate called", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_TorchScript_file_is_told()
    {
        CliResult result = await CliProcess.RunAsync("check", Job, "--set", $"model.torchscript={_folder.Write("net.pt", "no model")}");

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Equal($"{_folder.In("net.pt")}: The file is no TorchScript file: it begins with 6e6f206d, and not as a zip archive. In Python, write it by torch.jit.script(model).save(\"model.pt\").", result.Error.Trim());
    }
}

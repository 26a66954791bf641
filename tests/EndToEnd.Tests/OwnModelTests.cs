using System.Text.Json;
using Lockstep.Contracts.Runs;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A model and data that only a worker program of one's own knows, with the command: samples/own-model's, built from this tree.</summary>
public sealed class OwnModelTests : IDisposable
{
    private const int Steps = 40;

    private static readonly string Job = Path.Combine(Built.Root, "samples", "own-model", "jobs", "shapes.yaml");

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Workers_and_a_shard_die_and_the_ledger_stays_as_it_is_and_is_verified()
    {
        string schedule = _folder.Write("faults.yaml", """
            - {kind: kill, at: {step: 6}, target: worker-0}
            - {kind: kill, at: {step: 12, phase: compute, worker: worker-1}}
            - {kind: kill-shard, at: {step: 20}, target: ps-1}
            """);
        string verdict = _folder.In("verdict.json");

        CliResult result = await CliProcess.RunAsync("chaos", Job, "--worker", Built.OwnWorker, "--workers", "2", "--shards", "2", "--schedule", schedule, "--output", _folder.In("run"), "--json", verdict, "--set", "epochs=", $"steps={Steps}", "checkpoint.every=8");

        Assert.True(result.ExitCode == 0, result.All);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(verdict, TestContext.Current.CancellationToken));
        Assert.True(json.RootElement.GetProperty("sameLedger").GetBoolean());
        Assert.Equal(3, json.RootElement.GetProperty("faults").GetArrayLength());
        string disturbed = Path.Combine(_folder.In("run"), "disturbed");
        string[] ledger = File.ReadAllLines(new RunFolder(disturbed).Ledger);
        Assert.Equal(Steps, ledger.Length);
        Assert.Contains(" code-", ledger[0], StringComparison.Ordinal);
        CliResult verified = await CliProcess.RunAsync("verify", disturbed, "--worker", Built.OwnWorker, "--steps", $"{Steps - 3}..{Steps}");
        Assert.True(verified.ExitCode == 0, verified.All);
        CliResult other = await CliProcess.RunAsync("evaluate", disturbed);
        Assert.Equal(2, other.ExitCode);
        Assert.Contains("The worker program has no data source 'shapes'; it has none of its own.", other.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_check_computes_slots_in_two_processes_and_finds_them_pure()
    {
        CliResult result = await CliProcess.RunAsync("check", Job, "--worker", Built.OwnWorker, "--purity");
        Assert.True(result.ExitCode == 0, result.All);
        Assert.Contains("residual-cnn [1, 16, 16] → [4]", result.Output, StringComparison.Ordinal);
        Assert.Contains("purity    slots have the same bits in two orders and two processes", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("state", "has other bits when a process computes it again, first in head.weight")]
    [InlineData("random", "has other bits when a process computes it again, first in head.weight")]
    [InlineData("process", "has other bits in another process or order, first in head.weight")]
    [InlineData("file", "The forward pass of the model 'impure' failed: DirectoryNotFoundException: ")]
    public async Task What_is_no_pure_function_is_told(string fault, string message)
    {
        CliResult result = await CliProcess.RunAsync("check", Job, "--worker", Built.OwnWorker, "--purity", "--set", "model={name: impure, options: {fault: " + fault + "}}");
        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal(fault == "file", result.Error.Contains("ImpureNet.cs:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("nowhere/worker.dll", "", "--worker: There is no 'nowhere/worker.dll'.")]
    [InlineData("?", "model.name=resnet", "has no model 'resnet'; it has faulty, impure, residual-cnn.")]
    [InlineData("?", "model.options={widht: 3}", "does not read the option widht of 'model.options'. It reads blocks, width.")]
    [InlineData("?", "data.options={count: many}", "The option 'count' is 'many', which is no whole number.")]
    public async Task What_does_not_fit_is_told_before_anything_is_trained(string worker, string set, string message)
    {
        CliResult result = await CliProcess.RunAsync(["train", Job, "--worker", worker == "?" ? Built.OwnWorker : worker, "--output", _folder.In("run"), .. set.Length > 0 ? new[] { "--set", set } : []]);
        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_adds_what_cannot_be_is_told_where_it_does()
    {
        await using CliProcess process = CliProcess.StartProgram(Built.Lockstep, ["check", Job, "--worker", Built.OwnWorker], new Dictionary<string, string> { ["OWN_WORKER_FAULT"] = "registration" });
        CliResult result = await process.EndAsync();
        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains("Program.cs:12: OwnModel.Worker.Unmade must be a class that is a Module, with a public constructor", result.Error, StringComparison.Ordinal);
        Assert.Contains("Program.cs:12: The name 'shapes' is taken.", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("constructor", 19, "The constructor of the model 'faulty' failed")]
    [InlineData("forward", 30, "The forward pass of the model 'faulty' failed")]
    [InlineData("loss", 40, "The loss of the model 'faulty' failed")]
    public async Task What_a_model_throws_is_told_with_the_file_and_the_line(string fault, int line, string message)
    {
        CliResult result = await CliProcess.RunAsync("train", Job, "--worker", Built.OwnWorker, "--output", _folder.In("run"), "--set", "loss=model", "metrics=[]", "model={name: faulty, options: {fault: " + fault + "}}");
        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains($"FaultyNet.cs:{line}: {message}: NotSupportedException: the {fault} cannot be.", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_fails_while_a_job_trains_ends_it_with_the_file_and_the_line()
    {
        // No check comes to this sample, and each worker does.
        CliResult result = await CliProcess.RunAsync("train", Job, "--worker", Built.OwnWorker, "--workers", "2", "--output", _folder.In("run"), "--set", "data={source: broken, options: {broken: 239}}", "model={preset: mlp, hidden: [4]}", "metrics=[]", "globalBatch=16", "slots=2", "epochs=", "steps=40");
        Assert.True(result.ExitCode is 1 or 2, result.All);
        Assert.Contains("BrokenSource.cs:18: Reading sample 239 of the data source 'broken' failed: InvalidDataException: point 239 is lost.", result.All, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.All, StringComparison.Ordinal);
    }
}

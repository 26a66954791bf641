using System.Globalization;
using System.Text.Json;
using Lockstep.Contracts.Runs;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>The transformer of samples/text, smaller and on texts of this tree: workers and a shard die, and what was trained is measured and exported.</summary>
public sealed class TextTests : IDisposable
{
    private const int Steps = 30;

    private static readonly string Job = Path.Combine(Built.Root, "samples", "text", "job.yaml");

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Workers_and_a_shard_die_and_the_ledger_stays_as_it_is()
    {
        string schedule = _folder.Write("faults.yaml", """
            - {kind: kill, at: {step: 6}, target: worker-0}
            - {kind: kill-shard, at: {step: 14}, target: ps-1}
            - {kind: kill, at: {step: 20, phase: compute, worker: worker-1}}
            """);
        string verdict = _folder.In("verdict.json"), onnx = _folder.In("text.onnx");
        string[] sets =
        [
            $"data.train={Path.Combine(Built.Root, "docs", "operations.md")}", $"data.validation={Path.Combine(Built.Root, "docs", "deploy.md")}",
            "model.width=16", "model.depth=1", "model.heads=2", "epochs=", $"steps={Steps}", "checkpoint.every=8",
        ];

        CliResult result = await CliProcess.RunAsync(["chaos", Job, "--workers", "2", "--shards", "2", "--schedule", schedule, "--output", _folder.In("run"), "--json", verdict, "--set", .. sets]);

        Assert.True(result.ExitCode == 0, result.All);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(verdict, TestContext.Current.CancellationToken));
        Assert.True(json.RootElement.GetProperty("sameLedger").GetBoolean());
        Assert.Equal(3, json.RootElement.GetProperty("faults").GetArrayLength());
        string disturbed = Path.Combine(_folder.In("run"), "disturbed");
        Assert.Equal(Steps, File.ReadAllLines(new RunFolder(disturbed).Ledger).Length);

        CliResult measured = await CliProcess.RunAsync("evaluate", disturbed, "--json");
        Assert.True(measured.ExitCode == 0, measured.All);
        using JsonDocument metrics = JsonDocument.Parse(measured.Output);
        double perplexity = metrics.RootElement.GetProperty("metrics").GetProperty("perplexity").GetDouble();
        // Fewer than if every character were as likely as any other.
        Assert.InRange(perplexity, 1, 60);
        CliResult exported = await CliProcess.RunAsync("export", disturbed, "--onnx", onnx);
        Assert.True(exported.ExitCode == 0, exported.All);
        Assert.Contains(new FileInfo(onnx).Length.ToString(CultureInfo.InvariantCulture), exported.Output, StringComparison.Ordinal);
        Assert.Equal(2, (await CliProcess.RunAsync("export", disturbed, "--onnx", Path.Combine(_folder.In("none"), "text.onnx"))).ExitCode);
    }
}

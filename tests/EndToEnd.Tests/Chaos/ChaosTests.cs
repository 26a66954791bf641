using System.Text.Json;
using Lockstep.Contracts.Runs;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests.Chaos;

/// <summary><c>lockstep chaos</c>: real processes meet real signals, and the ledger stays as it is.</summary>
public sealed class ChaosTests : IDisposable
{
    private const int Steps = 210;

    private const string Schedule = """
        faults:
          - {kind: kill, at: {step: 5}, target: worker-0}
          - {kind: drop, at: {step: 10}, target: worker-1, duration: 2}
          - {kind: duplicate, at: {step: 15}, target: worker-2, duration: 2}
          - {kind: stop, at: {step: 25}, target: worker-1, duration: 2}
          - {kind: nan, at: {step: 40}, target: worker-2}
          - {kind: kill-shard, at: {step: 55, phase: announce}, target: ps-1}
          - {kind: kill, at: {step: 75, phase: push-after-one-shard, worker: worker-0}}
          - {kind: drain, at: {step: 85}, target: worker-2}
          - {kind: add, at: {step: 90}}
          - {kind: restart-redis, at: {step: 100}}
          - {kind: delay, at: {step: 115}, target: worker-1, duration: 2}
          - {kind: reorder, at: {step: 120}, target: worker-0, duration: 2}
          - {kind: partition, at: {step: 130}, target: worker-1, shard: 1, side: from, duration: 2}
          - {kind: slow, at: {step: 140}, target: worker-0, duration: 2}
          - {kind: kill, at: {step: 145, phase: answer, worker: worker-2}}
          - {kind: kill-shard, at: {step: 150, phase: turn}, target: ps-0}
          - {kind: stop-shard, at: {step: 160}, target: ps-1, duration: 6}
          - {kind: kill-scheduler, at: {step: 165}}
          - {kind: scale, at: {step: 180}, workers: 1}
          - {kind: scale, at: {step: 195}, workers: 3}
        """;

    private static readonly string[] Planned =
    [
        "add worker-3", "delay worker-1", "drain worker-2", "drop worker-1", "duplicate worker-2", "kill worker-0", "kill worker-0", "kill worker-2", "kill-scheduler scheduler",
        "kill-shard ps-0", "kill-shard ps-1", "nan worker-2", "partition worker-1", "reorder worker-0", "restart-redis redis", "scale to 1 worker", "scale to 3 workers", "slow worker-0", "stop worker-1", "stop-shard ps-1",
    ];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Everything_dies_hangs_and_is_cut_off_and_the_ledger_stays_as_it_is()
    {
        (CliResult result, JsonElement verdict) = await RunAsync(Steps, workers: 3, "--schedule", _folder.Write("faults.yaml", Schedule), "--set", "checkpoint.every=10");

        Assert.True(result.ExitCode == 0, result.All);
        Assert.Equal(["sameLedger", "faults", "recoveryMs", "stepsRepeated", "goodput"], verdict.EnumerateObject().Select(p => p.Name));
        Assert.True(verdict.GetProperty("sameLedger").GetBoolean());
        Assert.Equal(Planned, Fired(verdict).Order(StringComparer.Ordinal));
        Assert.True(verdict.GetProperty("stepsRepeated").GetInt64() > 0, "No shard went back to a checkpoint.");
        Assert.All(["ps-0", "ps-1", "scheduler", "redis"], process => Assert.Contains($"] {process} restarted: it ended with exit code ", result.Output, StringComparison.Ordinal));
        AssertLedgers(Steps);
    }

    [Fact]
    public async Task Workers_die_at_random_and_no_step_is_done_again()
    {
        // Large steps, in the midst of which they die.
        const int steps = 60;
        const int least = 5;

        (CliResult result, JsonElement verdict) = await RunAsync(steps, workers: 3, "--mtbf", "2", "--seed", "9", "--min-faults", $"{least}", "--transport", "grpc", "--set", "globalBatch=512");

        Assert.True(result.ExitCode == 0, result.All);
        Assert.True(verdict.GetProperty("sameLedger").GetBoolean());
        string[] fired = [.. Fired(verdict)];
        Assert.True(fired.Length >= least, result.All);
        Assert.All(fired, fault => Assert.StartsWith("kill worker-", fault, StringComparison.Ordinal));
        Assert.Equal(0, verdict.GetProperty("stepsRepeated").GetInt64());
        AssertLedgers(steps);
    }

    [Fact]
    public async Task Fails_where_too_few_faults_happened()
    {
        // The scheduler and a shard go before there is a checkpoint but that of the start; the last fault comes when the job is long over.
        string schedule = _folder.Write("late.json", """[{"kind": "kill-scheduler", "at": {"step": 8}}, {"kind": "kill-shard", "at": {"step": 8}, "target": "ps-1"}, {"kind": "kill", "at": {"seconds": 86400}}]""");

        (CliResult result, JsonElement verdict) = await RunAsync(20, workers: 1, "--schedule", schedule, "--min-faults", "3");

        Assert.True(result.ExitCode == 1, result.All);
        Assert.Contains("2 faults happened, 1 of the plan did not, as the job was over before (kill worker-0); 3 had to: give the job more steps", result.Output, StringComparison.Ordinal);
        Assert.True(verdict.GetProperty("sameLedger").GetBoolean());
        Assert.Equal(["kill-scheduler scheduler", "kill-shard ps-1"], Fired(verdict).Order(StringComparer.Ordinal));
        Assert.True(verdict.GetProperty("stepsRepeated").GetInt64() >= 7, result.All);
    }

    [Fact]
    public async Task Refuses_a_step_that_the_job_does_not_have()
    {
        string schedule = _folder.Write("late.yaml", "- {kind: kill, at: {step: 5}}");

        CliResult result = await CliProcess.RunAsync("chaos", Built.Sample("digits"), "--workers", "1", "--set", "epochs=", "steps=5", "--output", _folder.In("run"), "--schedule", schedule);

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains("A fault of kind 'kill' is planned for step 5, and the job has 5 steps.", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("It is not said which faults shall happen.")]
    [InlineData("--schedule and --mtbf do not go together.", "--schedule", "?", "--mtbf", "5")]
    [InlineData("0 seconds is no mean time between faults.", "--mtbf", "0")]
    [InlineData("--mtbf: 'abc' cannot be. Give a number, such as 2.5.", "--mtbf", "abc")]
    [InlineData("--min-faults: -1 faults can never have happened.", "--mtbf", "5", "--min-faults", "-1")]
    [InlineData("--min-faults: 99 faults can never have happened of the ", "--schedule", "?", "--min-faults", "99")]
    [InlineData("--seed: '-1' cannot be. Give a whole number, 0 or more.", "--mtbf", "5", "--seed", "-1")]
    [InlineData("There is no kind of fault 'explode'.", "--mtbf", "5", "--kinds", "kill,explode")]
    [InlineData("--kinds: It names no kind of fault.", "--mtbf", "5", "--kinds", "")]
    [InlineData("--transport: 'pigeon' is no transport.", "--mtbf", "5", "--transport", "pigeon")]
    public async Task Says_what_is_wrong_with_its_options(string message, params string[] options)
    {
        string schedule = _folder.Write("faults.yaml", Schedule);

        CliResult result = await CliProcess.RunAsync(["chaos", Built.Sample("digits"), "--shards", "2", "--output", _folder.In("run"), .. options.Select(o => o == "?" ? schedule : o)]);

        Assert.True(result.ExitCode == 2, result.All);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.In("run")));
    }

    private async Task<(CliResult Result, JsonElement Verdict)> RunAsync(int steps, int workers, params string[] options)
    {
        string verdict = _folder.In("verdict.json");
        CliResult result = await CliProcess.RunAsync(["chaos", Built.Sample("digits"), "--workers", $"{workers}", "--shards", "2", "--output", _folder.In("run"), "--json", verdict, "--set", "epochs=", "--set", $"steps={steps}", .. options]);
        Assert.True(new FileInfo(verdict) is { Exists: true, Length: > 0 }, result.All);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(verdict, TestContext.Current.CancellationToken));
        return (result, json.RootElement.Clone());
    }

    private static IEnumerable<string> Fired(JsonElement verdict) =>
        verdict.GetProperty("faults").EnumerateArray().Select(f => $"{f.GetProperty("kind").GetString()} {f.GetProperty("target").GetString()}");

    private void AssertLedgers(int steps)
    {
        string[] quiet = File.ReadAllLines(Ledger("quiet"));
        Assert.Equal(steps, quiet.Length);
        Assert.Equal(quiet, File.ReadAllLines(Ledger("disturbed")));
    }

    private string Ledger(string run) => new RunFolder(Path.Combine(_folder.In("run"), run)).Ledger;
}

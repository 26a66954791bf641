using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Runs;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary><c>lockstep train</c>: what it leaves behind, and that this does not depend on who took part.</summary>
public sealed class TrainTests(DigitsRuns runs)
{
    [Fact]
    public async Task The_result_does_not_depend_on_workers_and_shards()
    {
        FinishedRun alone = await runs.AloneAsync(), together = await runs.TogetherAsync();

        Assert.Equal(["worker-0"], alone.Summary.SlotsByWorker.Keys);
        Assert.Equal(["worker-0", "worker-1", "worker-2"], together.Summary.SlotsByWorker.Keys);
        Assert.Equal((1, 2), (alone.Summary.Shards, together.Summary.Shards));
        Assert.Equal(DigitsRuns.Steps, alone.Ledger.Count);
        Assert.Equal(alone.Ledger, together.Ledger);
        Assert.Equal(alone.Summary.ParametersSha256, together.Summary.ParametersSha256);
        Assert.Equal(alone.Summary.Validation, together.Summary.Validation);
        Assert.Equal(alone.Summary.TrainLoss, together.Summary.TrainLoss);
        Assert.Equal(await File.ReadAllBytesAsync(alone.Folder.Model, TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(together.Folder.Model, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_folder_of_a_run_is_complete()
    {
        FinishedRun run = await runs.TogetherAsync();

        Assert.All([run.Folder.Job, run.Folder.Model, run.Folder.Metrics, run.Folder.Ledger, run.Folder.Summary], path => Assert.True(File.Exists(path), path));
        Assert.Equal(["ps-0.log", "ps-1.log", "redis.log", "scheduler.log", "worker-0.log", "worker-1.log", "worker-2.log"], Directory.GetFiles(run.Folder.Logs).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        // The newest three, each with its parts and the manifest that makes it count.
        Assert.Equal(["step-000000080", "step-000000090", "step-000000100"], Directory.GetDirectories(run.Folder.Checkpoints).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(Directory.GetDirectories(run.Folder.Checkpoints), set => Assert.Equal(3, Directory.GetFiles(set).Length));
        Assert.Empty(Directory.GetFiles(run.Folder.Path, "*.tmp", SearchOption.AllDirectories));
        // Who stops in order has no failure to tell of.
        Assert.Empty(Directory.GetFiles(run.Folder.Logs).SelectMany(log => File.ReadAllLines(log).Where(line => Regex.IsMatch(line, @"\b(fail|crit): |\w+Exception:.*   at ", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))).Select(line => $"{Path.GetFileName(log)}: {line}")));
    }

    [Fact]
    public async Task The_summary_has_every_field_and_its_numbers_agree()
    {
        FinishedRun run = await runs.TogetherAsync();
        using JsonDocument file = JsonDocument.Parse(await File.ReadAllTextAsync(run.Folder.Summary, TestContext.Current.CancellationToken));

        foreach (string field in new[] { "job", "steps", "epochs", "workers", "shards", "slots", "seconds", "samplesPerSecond", "trainLoss", "validation", "parametersSha256", "slotsByWorker", "groupSizes" })
        {
            Assert.True(file.RootElement.TryGetProperty(field, out _), field);
        }

        Assert.Equal(["granted", "again", "revoked"], NamesIn(file, "grants"));
        Assert.Equal(["accepted", "duplicate", "stale", "refused", "mismatched"], NamesIn(file, "contributions"));
        Assert.Equal(["elapsedSeconds", "goodputSeconds", "badputSeconds", "goodput"], NamesIn(file, "time"));
        Assert.All(["stepMs", "syncMs", "barrierMs"], field => Assert.Equal(["p50", "p95"], NamesIn(file, field)));

        RunSummary summary = run.Summary;
        Assert.Equal(("digits", "finished", DigitsRuns.Steps, 3, 2, 8), (summary.Job, summary.State, summary.Steps, summary.Workers, summary.Shards, summary.Slots));
        // 1,438 samples in steps of 64.
        Assert.Equal(DigitsRuns.Steps / 23.0, summary.Epochs, 4);
        Assert.Equal(DigitsRuns.Steps * 8, summary.SlotsByWorker.Values.Sum());
        Assert.InRange(summary.GroupSizes.Values.Sum(), DigitsRuns.Steps, summary.Contributions.Accepted);
        Assert.Equal(DigitsRuns.Steps * 8, summary.GroupSizes.Sum(g => int.Parse(g.Key, System.Globalization.CultureInfo.InvariantCulture) * g.Value));
        Assert.InRange(summary.Grants.Granted, DigitsRuns.Steps * 8, long.MaxValue);
        Assert.Equal(0, summary.Contributions.Mismatched);
        Assert.InRange(summary.TrainLoss, 0, 1);
        Assert.InRange(summary.Validation["accuracy"], 0.8, 1);
        Assert.All([summary.StepMs, summary.SyncMs, summary.BarrierMs], times => Assert.InRange(times.P50, double.Epsilon, times.P95));
        Assert.InRange(summary.SamplesPerSecond * summary.Seconds, 0.99 * Samples(run), 1.01 * Samples(run));
    }

    [Fact]
    public async Task Every_step_and_evaluation_has_its_line()
    {
        FinishedRun run = await runs.TogetherAsync();

        StepRecord[] steps = [.. run.Records.OfType<StepRecord>()];
        Assert.Equal(Enumerable.Range(1, DigitsRuns.Steps).Select(step => (long)step), steps.Select(s => s.Step));
        Assert.All(steps, step => Assert.Equal(8, step.SlotsByWorker.Values.Sum()));
        // The last step of an epoch has the rest of the samples.
        Assert.Equal([64, 30, 64], steps[21..24].Select(s => s.Samples));
        Assert.Equal([23, 46, 69, 92, 100], run.Records.OfType<EvaluationRecord>().Select(e => e.Step));
        Assert.Equal(run.Summary.Validation, run.Records.OfType<EvaluationRecord>().Last().Validation);
        LedgerLine[] ledger = [.. run.Ledger.Select(LedgerLine.FromJson)];
        Assert.Equal(steps.Select(s => s.Step), ledger.Select(l => l.Step));
        Assert.Equal(ledger.Length, ledger.Select(l => l.Hash).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task The_hash_of_the_parameters_is_that_of_the_model_file()
    {
        FinishedRun run = await runs.AloneAsync();

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        foreach (NamedTensor tensor in SafeTensors.Read(run.Folder.Model).Tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            foreach (float value in tensor.Values)
            {
                System.Buffers.Binary.BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
                hash.AppendData(bytes);
            }
        }

        Assert.Equal(run.Summary.ParametersSha256, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Fact]
    public async Task With_json_the_summary_alone_goes_to_standard_output()
    {
        FinishedRun run = await runs.TogetherAsync();

        Assert.Equal((await File.ReadAllTextAsync(run.Folder.Summary, TestContext.Current.CancellationToken)).Trim(), run.Result.Output.Trim());
        Assert.Contains("step 1/100", run.Result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Progress_and_the_summary_are_lines_where_there_is_no_terminal()
    {
        FinishedRun run = await runs.AloneAsync();

        Assert.Contains("step 1/100", run.Result.Output, StringComparison.Ordinal);
        // Of a short run not one an epoch: the first and the last, and some in between where it takes long.
        string[] evaluations = [.. run.Result.Output.Split(Environment.NewLine).Where(line => line.Contains(": validation loss ", StringComparison.Ordinal))];
        Assert.InRange(evaluations.Length, 1, 2 + (run.Summary.Seconds / 2));
        Assert.Contains("step 100: validation loss ", evaluations[^1], StringComparison.Ordinal);
        Assert.Contains("goodput ", run.Result.Output, StringComparison.Ordinal);
        Assert.Contains(run.Summary.ParametersSha256!, run.Result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', run.Result.Output);
        Assert.Equal("", run.Result.Error);
    }

    private static long Samples(FinishedRun run) => run.Records.OfType<StepRecord>().Sum(s => s.Samples);

    private static IEnumerable<string> NamesIn(JsonDocument file, string field) => file.RootElement.GetProperty(field).EnumerateObject().Select(p => p.Name);
}

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.Engine.Runs;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A terminal that closes in the middle of a run, and going on.</summary>
public sealed class ResumeTests(DigitsRuns runs) : IDisposable
{
    private const string Hint = "Interrupted. Go on with: lockstep ";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_interrupted_run_goes_on_as_if_nothing_had_happened()
    {
        FinishedRun quiet = await runs.AloneAsync();
        var run = new RunFolder(_folder.In("interrupted"));
        CliResult interrupted;
        const int Reached = DigitsRuns.CheckpointEvery + 5;
        var barrier = new StepBarrier(_folder, Reached);
        await using (CliProcess process = CliProcess.StartProgram(Built.Lockstep, ["train", Built.Sample("digits"), "--output", run.Path, .. DigitsRuns.Settings], [barrier.Environment]))
        {
            await Waiting.UntilAsync(() => CheckpointSet.List(run.Checkpoints).Contains(DigitsRuns.CheckpointEvery) && File.Exists(run.Ledger) && File.ReadAllLines(run.Ledger).Length == Reached, "a checkpoint, and steps after it", TestContext.Current.CancellationToken);
            // A terminal tells all that it started, not the command alone.
            Assert.All([process.Id, .. SystemProcess.ChildrenOf(process.Id)], id => SystemProcess.Signal(id, SystemProcess.HangUp));
            interrupted = await process.EndAsync();
        }

        Assert.True(interrupted.ExitCode == 130, interrupted.All);
        string hint = Assert.Single(interrupted.Error.Split(Environment.NewLine), line => line.StartsWith(Hint, StringComparison.Ordinal));
        int before = File.ReadAllLines(run.Ledger).Length;
        Assert.InRange(before, Reached, DigitsRuns.Steps - 1);
        Assert.False(File.Exists(run.Model));
        // The parameter servers finished the step in hand, and kept where they were.
        long checkpoint = CheckpointSet.List(run.Checkpoints)[^1];
        Assert.Equal(before, checkpoint);

        await RefusedInAnotherClassAsync(_folder.CopyOf(run.Path, "another"), checkpoint);

        // The hint is a command: it is done as it stands.
        CliResult resumed = await CliProcess.RunAsync([.. hint[Hint.Length..].Split(' '), "--workers", "1"]);

        Assert.True(resumed.ExitCode == 0, resumed.All);
        var finished = new FinishedRun(run, resumed);
        Assert.Equal(quiet.Ledger, finished.Ledger);
        Assert.Equal(quiet.Summary.ParametersSha256, finished.Summary.ParametersSha256);
        Assert.Equal(quiet.Records.OfType<StepRecord>().Select(s => (s.Step, s.Loss)), finished.Records.OfType<StepRecord>().Select(s => (s.Step, s.Loss)));
        Assert.Equal(before - checkpoint, finished.Summary.StepsRepeated);
        // Both parts count: the first had a worker that the second has not.
        Assert.Equal(DigitsRuns.Steps * 8, finished.Summary.SlotsByWorker.Values.Sum());
        Assert.DoesNotContain($"step 1/{DigitsRuns.Steps}", resumed.Output, StringComparison.Ordinal);
        Assert.Contains($"digits goes on from the checkpoint of step {checkpoint}", resumed.Output, StringComparison.Ordinal);
    }

    /// <summary>Libtorch is told to compute as on an older processor, which gives other bits.</summary>
    private static async Task RefusedInAnotherClassAsync(string folder, long checkpoint)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return;
        }

        string[] before = await File.ReadAllLinesAsync(new RunFolder(folder).Ledger, TestContext.Current.CancellationToken);
        string[] resume = ["train", new RunFolder(folder).Job, "--resume", "--output", folder, "--workers", "1"];
        CliResult refused = await OlderAsync(resume);
        Assert.True(refused.ExitCode == 2, refused.All);
        Assert.Contains($"The checkpoint of step {checkpoint} was computed in the determinism class '", refused.Error, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllLinesAsync(new RunFolder(folder).Ledger, TestContext.Current.CancellationToken));

        CliResult accepted = await OlderAsync([.. resume, "--accept-class"]);
        Assert.True(accepted.ExitCode == 0, accepted.All);
        LedgerLine[] lines = [.. File.ReadLines(new RunFolder(folder).Ledger).Select(LedgerLine.FromJson)];
        Assert.Equal([new LedgerPart(0, checkpoint, lines[0].Class), new LedgerPart(checkpoint, DigitsRuns.Steps, lines[checkpoint].Class)], LedgerPart.Of(lines));
        Assert.NotEqual(lines[0].Class, lines[checkpoint].Class);

        // Each part on a machine of its own class.
        CliResult first = await CliProcess.RunAsync("verify", folder, "--steps", $"{checkpoint - 1}..{checkpoint + 1}");
        Assert.Contains($"Verified: steps {checkpoint - 1} to {checkpoint} ", first.Output, StringComparison.Ordinal);
        Assert.Contains($"Not verified: steps {checkpoint + 1} to {checkpoint + 1} ", first.Output, StringComparison.Ordinal);
        CliResult second = await OlderAsync("verify", folder, "--steps", $"{checkpoint}..{DigitsRuns.Steps}");
        Assert.True(second.ExitCode == 0, second.All);
        Assert.Contains($"Verified: steps {checkpoint + 1} to {DigitsRuns.Steps} ", second.Output, StringComparison.Ordinal);
        Assert.Contains("The model file holds exactly these values", second.Output, StringComparison.Ordinal);
    }

    private static async Task<CliResult> OlderAsync(params string[] arguments)
    {
        await using CliProcess process = CliProcess.StartProgram(Built.Lockstep, arguments, new Dictionary<string, string> { ["ATEN_CPU_CAPABILITY"] = "default" });
        return await process.EndAsync();
    }

    [Theory]
    [InlineData(30, 30L)]
    [InlineData(29, 20L)]
    [InlineData(9, null)]
    [InlineData(30, 20L, 30L)]
    [InlineData(30, 10L, 20L, 30L)]
    [InlineData(29, 10L, 20L)]
    [InlineData(30, null, 10L, 20L, 30L)]
    public void A_run_goes_on_from_the_newest_checkpoint_that_its_ledger_reaches_and_that_is_whole(int lines, long? expected, params long[] damaged)
    {
        JobSpec job = JobFile.Load(Built.Sample("digits"), []);
        var run = new RunFolder(_folder.In("run"));
        using (RunPreparation.Prepare(job, run.Path, resume: false))
        {
            foreach (long version in new[] { 10, 20, 30 })
            {
                Directory.CreateDirectory(CheckpointSet.DirectoryOf(run.Checkpoints, version));
                string part = Path.Combine(CheckpointSet.DirectoryOf(run.Checkpoints, version), CheckpointPart.FileName(0, 1));
                File.WriteAllText(part, damaged.Contains(version) ? "one thing" : "another");
                CheckpointSet.Seal(run.Checkpoints, version, [Convert.ToHexStringLower(SHA256.HashData("another"u8))]);
            }

            // The last line was torn by a crash.
            File.WriteAllText(run.Ledger, string.Concat(Enumerable.Range(1, lines).Select(step => new LedgerLine(step, new string('a', 32)).ToJson() + '\n')) + "{\"step\":");
        }

        using RunPreparation resumed = RunPreparation.Prepare(job, run.Path, resume: true);

        Assert.Equal(expected, resumed.From.Version);
        Assert.Equal(damaged.Length, resumed.From.Damaged.Count);
        Assert.Equal(damaged, damaged.Where(version => Directory.Exists(Path.Combine(run.Checkpoints, $"damaged-1-step-{version:D9}"))));
        Assert.DoesNotContain(CheckpointSet.List(run.Checkpoints), version => version > (expected ?? 0));
    }

    [Fact]
    public void A_line_of_the_ledger_that_is_damaged_is_told_of()
    {
        JobSpec job = JobFile.Load(Built.Sample("digits"), []);
        var run = new RunFolder(_folder.In("run"));
        using (RunPreparation.Prepare(job, run.Path, resume: false))
        {
            foreach (long version in new[] { 10, 20 })
            {
                Directory.CreateDirectory(CheckpointSet.DirectoryOf(run.Checkpoints, version));
                CheckpointSet.Seal(run.Checkpoints, version, []);
            }

            File.WriteAllLines(run.Ledger, Enumerable.Range(1, 20).Select(step => step == 15 ? "#" : new LedgerLine(step, new string('a', 32)).ToJson()));
        }

        using RunPreparation resumed = RunPreparation.Prepare(job, run.Path, resume: true);

        Assert.Equal(10, resumed.From.Version);
        Assert.Equal($"line 15 of {run.Ledger} is damaged: what comes after step 14 is computed again", Assert.Single(resumed.From.Damaged));
    }

    [Fact]
    public void A_run_that_came_to_nothing_keeps_its_folder_from_no_job()
    {
        JobSpec job = JobFile.Load(Built.Sample("digits"), []);
        var run = new RunFolder(_folder.In("run"));
        RunPreparation.Prepare(job, run.Path, resume: false).Dispose();
        // Initial values, and what is not the run's.
        Directory.CreateDirectory(CheckpointSet.DirectoryOf(run.Checkpoints, 0));
        CheckpointSet.Seal(run.Checkpoints, 0, []);
        string other = Path.Combine(run.Checkpoints, "other");
        File.WriteAllText(other, "something");
        File.WriteAllText(run.Summary, "something");

        using (RunPreparation again = RunPreparation.Prepare(job, run.Path, resume: false))
        {
            Assert.Null(again.From.Version);
        }

        using (RunPreparation resumed = RunPreparation.Prepare(job, run.Path, resume: true))
        {
            Assert.Equal("goes on from the start: no checkpoint can be used", resumed.From.ToString());
        }

        using RunPreparation corrected = RunPreparation.Prepare(job with { Seed = job.Seed + 1 }, run.Path, resume: false);
        Assert.Equal(job.Seed + 1, JobFile.Load(run.Job, []).Seed);
        Assert.Empty(CheckpointSet.List(run.Checkpoints));
        Assert.All([other, run.Summary], path => Assert.Equal("something", File.ReadAllText(path)));
    }

    [Theory]
    [InlineData("ledger.jsonl")]
    [InlineData("model.safetensors")]
    public void A_run_whose_checkpoints_were_deleted_keeps_its_folder(string left)
    {
        JobSpec job = JobFile.Load(Built.Sample("digits"), []);
        var run = new RunFolder(_folder.In("run"));
        RunPreparation.Prepare(job, run.Path, resume: false).Dispose();
        File.WriteAllText(Path.Combine(run.Path, left), "something");

        InputException refusal = Assert.Throws<InputException>(() => RunPreparation.Prepare(job, run.Path, resume: false));

        Assert.Contains("holds a run of this job already", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_without_its_ledger_is_not_gone_on_with()
    {
        JobSpec job = JobFile.Load(Built.Sample("digits"), []);
        var run = new RunFolder(_folder.In("run"));
        using (RunPreparation.Prepare(job, run.Path, resume: false))
        {
            Directory.CreateDirectory(CheckpointSet.DirectoryOf(run.Checkpoints, 10));
            CheckpointSet.Seal(run.Checkpoints, 10, []);
        }

        InputException refusal = Assert.Throws<InputException>(() => RunPreparation.Prepare(job, run.Path, resume: true));

        Assert.Contains("no ledger.jsonl", refusal.Message, StringComparison.Ordinal);
        Assert.Equal([10L], CheckpointSet.List(run.Checkpoints));
    }
}

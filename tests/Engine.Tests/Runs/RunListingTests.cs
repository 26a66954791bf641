using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Runs;

namespace Lockstep.Engine.Tests.Runs;

public sealed class RunListingTests : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-runs-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_finished_run_is_told_by_its_summary()
    {
        RunFolder run = Begin("a");
        Write(run.Summary, Summary("finished", null).ToJson(), 2);

        ListedRun listed = Assert.Single(RunListing.Read(_folder.FullName));
        Assert.Equal(("a", "digits", "finished", 40L, 1.5, 0.25, null), (listed.Run, listed.Job, listed.State, listed.Steps, listed.Seconds, listed.Loss, listed.Error));
        Assert.Equal(0.9, listed.Validation["accuracy"]);
        // The folder of the run itself too.
        Assert.Equal(listed with { Validation = NoMetrics }, Assert.Single(RunListing.Read(run.Path)) with { Validation = NoMetrics });
    }

    [Fact]
    public void One_that_goes_on_is_told_by_its_newest_records_whatever_a_summary_of_before_says()
    {
        RunFolder run = Begin("a");
        Write(run.Summary, Summary("failed", "Gone.").ToJson(), 1);
        Write(run.Metrics, string.Join('\n', Step(41), Evaluation(41), Step(42), Step(43)[..40]), 2);

        ListedRun listed = Assert.Single(RunListing.Read(_folder.FullName));
        Assert.Equal(("unfinished", 42L, null, 42.5, null), (listed.State, listed.Steps, listed.Seconds, listed.Loss, listed.Error));
        Assert.Equal(0.8, listed.Validation["accuracy"]);
        Assert.Equal(Noon.AddHours(2), listed.Written);
    }

    [Fact]
    public void What_lies_far_back_is_not_read()
    {
        RunFolder run = Begin("a");
        Write(run.Metrics, string.Join('\n', Enumerable.Range(1, 5000).Select(i => Step(i)).Prepend(Evaluation(1))), 2);
        ListedRun listed = Assert.Single(RunListing.Read(_folder.FullName));
        Assert.Equal((5000, 0), (listed.Steps, listed.Validation.Count));
    }

    [Fact]
    public void Runs_are_in_order_of_their_newest_records()
    {
        RunFolder unbegun = Begin("c"), damaged = Begin("b"), finished = Begin("a");
        Write(finished.Summary, Summary("finished", null).ToJson(), 3);
        Write(damaged.Summary, "{", 2);
        Write(unbegun.Job, "name: x", 1);
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "other"));

        IReadOnlyList<ListedRun> listed = RunListing.Read(_folder.FullName);
        Assert.Equal([("c", "not begun"), ("b", "damaged"), ("a", "finished")], listed.Select(run => (run.Run, run.State)));
        Assert.StartsWith("summary.json cannot be read: ", listed[1].Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_not_there_is_bad_input() =>
        Assert.Contains("There is no such folder. Give a folder of runs, such as runs.", Assert.Throws<InputException>(() => RunListing.Read(Path.Combine(_folder.FullName, "none"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Records_are_read_while_they_are_written_and_damage_is_named()
    {
        RunFolder run = Begin("a");
        using (var writer = new FileStream(run.Metrics, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            writer.Write(System.Text.Encoding.UTF8.GetBytes($"{Step(1)}\n{Evaluation(1)}\n{Step(2)[..30]}"));
            writer.Flush();
            Assert.Equal([1L, 1L], RunRecords.Read(run, "a").Select(record => record.Step));
        }

        File.WriteAllText(run.Metrics, $"{Step(1)}\n#\n{Step(2)}\n");
        InputError damage = Assert.Single(Assert.Throws<InputException>(() => RunRecords.Read(run, "a")).Errors);
        Assert.Equal((run.Metrics, 2), (damage.File, damage.Line));
        Assert.Contains("it has no metrics.jsonl", Assert.Throws<InputException>(() => RunRecords.Read(Begin("b"), "b")).Message, StringComparison.Ordinal);
    }

    private static readonly IReadOnlyDictionary<string, double> NoMetrics = new Dictionary<string, double>();

    private RunFolder Begin(string name)
    {
        var run = new RunFolder(_folder.CreateSubdirectory(name).FullName);
        Write(run.Job, "name: digits", 0);
        return run;
    }

    private static void Write(string path, string text, int hour)
    {
        File.WriteAllText(path, text);
        File.SetLastWriteTimeUtc(path, Noon.AddHours(hour).UtcDateTime);
    }

    private static string Evaluation(long step) => new EvaluationRecord { Step = step, Loss = 1, Samples = 1, Validation = new Dictionary<string, double> { ["accuracy"] = 0.8 } }.ToJson();

    private static string Step(long step) => new StepRecord
    {
        Step = step, Loss = step + 0.5, Samples = 1, Epoch = 0.1, LearningRate = 0.1, StepMs = 1, BarrierMs = 1, SyncMs = 1, UpdateMs = 1, SlotsByWorker = new Dictionary<string, int>(), GroupSizes = [],
    }.ToJson();

    private static RunSummary Summary(string state, string? error) => new()
    {
        Job = "digits",
        State = state,
        Error = error,
        Steps = 40,
        Epochs = 2,
        Workers = 2,
        Shards = 1,
        Slots = 8,
        Seconds = 1.5,
        SamplesPerSecond = 10,
        TrainLoss = 0.25,
        Validation = new Dictionary<string, double> { ["accuracy"] = 0.9 },
        SlotsByWorker = new Dictionary<string, long>(),
        GroupSizes = new Dictionary<string, long>(),
        Grants = new GrantSummary(0, 0, 0),
        Contributions = new ContributionSummary(0, 0, 0, 0, 0),
        StepMs = new Percentiles(1, 1),
        SyncMs = new Percentiles(1, 1),
        BarrierMs = new Percentiles(1, 1),
    };
}

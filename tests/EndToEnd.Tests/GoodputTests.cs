using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>Goodput and badput by cause, of real processes, against a clock beside them.</summary>
[Collection(nameof(ResidentFleet))]
public sealed partial class GoodputTests(ResidentFleet fleet) : IDisposable
{
    private const int Steps = 300;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_kills_of_workers_shards_and_the_scheduler_cost_adds_up_to_the_elapsed_time()
    {
        SortedDictionary<long, string> victims = new() { [40] = "worker-0", [80] = "ps-1", [180] = "scheduler" };
        var barrier = new StepBarrier(_folder, victims.Keys);
        var run = new KillingRun(victims, barrier);
        TrainingResult result = await TrainingRun.RunAsync(
            new TrainingOptions
            {
                Job = JobFile.Load(Built.Sample("digits"), ["epochs=", $"steps={Steps}", "globalBatch=256", "checkpoint.every=25", "shards=2"]),
                Output = _folder.In("run"),
                Workers = 2,
                Services = Built.Services,
                RedisServerAssembly = Built.Lockstep,
                Environment = new Dictionary<string, string>([barrier.Environment]),
                Beside = run.KillAsync,
            },
            run,
            TimeProvider.System,
            TestContext.Current.CancellationToken);

        Assert.Equal(JobState.Finished, result.State);
        Assert.Empty(run.Left);
        TimeSummary time = result.Summary!.Time!;
        string text = $"{time} {string.Join(", ", time.BadputSeconds.Select(b => string.Create(CultureInfo.InvariantCulture, $"{b.Key} {b.Value}")))}; by the clock {run.Told} to {run.Elapsed}";
        TestContext.Current.TestOutputHelper?.WriteLine(text);
        Assert.InRange(time.GoodputSeconds + time.BadputSeconds.Values.Sum(), 0.99 * time.ElapsedSeconds, 1.01 * time.ElapsedSeconds);
        // The scheduler has the job after it was handed in, and before anybody is told so.
        Assert.InRange(time.ElapsedSeconds, 0.99 * run.Told.TotalSeconds, 1.01 * run.Elapsed.TotalSeconds);
        Assert.All(["starting", "recovering", "repeating"], cause => Assert.True(time.BadputSeconds.ContainsKey(cause), text));
        Assert.Equal(time.GoodputSeconds / time.ElapsedSeconds, time.Goodput, tolerance: 0.001);
        Assert.InRange(time.Goodput, 0.01, 0.99);
        // Those that were done again were in hand between the newest checkpoint and the kill.
        Assert.InRange(result.Summary.StepsRepeated, 1, 100);
    }

    [Fact]
    public async Task The_counter_of_the_scheduler_adds_up_to_the_elapsed_time()
    {
        string sample = _folder.CopyOf(Path.GetDirectoryName(Built.Sample("digits"))!, "digits");
        JobOutcome run = await fleet.RunAsync(JobFile.Load(Path.Combine(sample, "job.yaml"), ["epochs=", "steps=100", "workers.max=2"]), fleet.NewRun());

        Assert.True(run.Last.State == JobState.Finished, run.Last.Error);
        TimeSummary time = run.Summary.Time!;
        string id = Path.GetFileName(run.Folder.Path);
        Dictionary<string, double> counted = Sample().Matches(await fleet.ScrapeAsync()).Where(m => m.Groups["job"].Value == id).ToDictionary(m => m.Groups["use"].Value, m => double.Parse(m.Groups["seconds"].Value, CultureInfo.InvariantCulture));
        Assert.InRange(counted.Values.Sum(), 0.99 * time.ElapsedSeconds, 1.01 * time.ElapsedSeconds);
        Assert.Equal(time.GoodputSeconds, counted["training"] + counted["evaluating"], 0.002);
        Assert.All(time.BadputSeconds, b => Assert.Equal(b.Value, counted[b.Key], 0.002));
    }

    [GeneratedRegex("""^lockstep_scheduler_job_time_seconds_total\{(?=[^}]*lockstep_job_id="(?<job>[^"]*)")(?=[^}]*\buse="(?<use>[^"]*)")[^}]*\} (?<seconds>\S+)""", RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Sample();

    /// <summary>Kills processes at steps, and times the job.</summary>
    private sealed class KillingRun(SortedDictionary<long, string> victims, StepBarrier barrier) : ITrainingObserver
    {
        private readonly Stopwatch _watch = new();
        private TimeSpan? _first;
        private readonly TaskCompletionSource<LocalFleet> _fleet = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <value>Victims that were not killed.</value>
        public IReadOnlyDictionary<long, string> Left => victims;

        /// <value>From handing the job in to its end, as who hands it in sees it.</value>
        public TimeSpan Elapsed => _watch.Elapsed;

        /// <value>From the first to the last that was told of the job.</value>
        public TimeSpan Told => _watch.Elapsed - (_first ?? TimeSpan.Zero);

        public Task KillAsync(LocalFleet fleet, CancellationToken cancellation)
        {
            _fleet.SetResult(fleet);
            return Task.CompletedTask;
        }

        public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes) => _watch.Start();

        public void Happened(JobEvent item)
        {
            _first ??= _watch.Elapsed;
            if (item.Status.State == JobState.Finished)
            {
                _watch.Stop();
            }

            while (victims.FirstOrDefault() is { Value: { } victim } first && first.Key <= item.Status.Step && _fleet.Task.IsCompletedSuccessfully && _fleet.Task.Result.Signal(victim, UnixSignal.Kill))
            {
                victims.Remove(first.Key);
                barrier.Release(first.Key);
            }
        }
    }
}

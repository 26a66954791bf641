using System.Collections.Concurrent;
using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Engine.Processes;
using Lockstep.Client;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>Each process of a fleet is asked to end, as an upgrade does it, and another takes its place while a job trains.</summary>
public sealed class RollingUpgradeTests : IDisposable
{
    private const int Workers = 2;
    private const int Between = 20;

    /// <summary>The one that the scheduler asks; the others are sent SIGTERM.</summary>
    private const string Drained = "worker-1";

    /// <summary>One that comes with the upgrade and computes other bits.</summary>
    private const string Alien = "worker-of-another-kind";

    /// <summary>No run lasts so long, on a machine that does other work beside it: it hangs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_step_is_repeated_and_the_ledger_is_that_of_a_quiet_run()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        var restarted = new Restarts();
        await using LocalFleet fleet = await LocalFleet.StartAsync(
            new FleetOptions
            {
                Services = Built.Services,
                LogDirectory = _folder.In("logs"),
                Shards = 2,
                Workers = Workers,
                RedisServerAssembly = Built.Lockstep,
                Queue = "upgrade",
                Events = restarted,
                Environment = new Dictionary<string, string> { [EnvironmentNames.DataRoots] = Path.GetDirectoryName(Built.Sample("digits"))!, [EnvironmentNames.RunsRoot] = _folder.Path },
            },
            TimeProvider.System,
            patience.Token);
        // The policy keeps nothing between the first and the last version: what a shard goes back to is what it kept itself. It lasts as long as the upgrade does, however slow the machine.
        JobSpec job = JobFile.Load(Built.Sample("digits"), ["epochs=", "steps=100000", "checkpoint.every=0", "checkpoint.keep=10", "shards=2"]);
        using var scheduler = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
        RunFolder upgraded = await SubmitAsync(scheduler, "upgraded", job, patience.Token);
        var left = new Queue<string>(["ps-1", "worker-0", "ps-0", "scheduler", "worker-1"]);
        string? going = null;
        long from = 0;
        bool isPaused = false;
        long? stood = null;
        bool isCancelled = false;
        Task<CheckpointStatus>? asked = null;
        JobStatus? last = null;
        var refusals = new List<string>();
        using ServiceProcess alien = StartAlien(fleet);
        await foreach (JobEvent item in scheduler.EventsAsync("upgraded", 0, patience.Token))
        {
            last = item.Status;
            if (item.Note is { } note && note.Contains(Alien, StringComparison.Ordinal))
            {
                refusals.Add(note);
            }

            Assert.DoesNotContain("lost its state", item.Note ?? "", StringComparison.Ordinal);

            if (item.Status.Step > 0)
            {
                asked ??= scheduler.CheckpointAsync("upgraded", patience.Token);
            }

            if (going is not null && restarted.Of(going) && item.Report is not null)
            {
                (going, from) = (null, item.Status.Step + Between);
            }

            if (left.Count == 0 && going is null && item.Status.Step >= from && !isPaused)
            {
                isPaused = true;
                // The next job has no class yet, and shall not take its.
                alien.Kill();
                await foreach (FleetStatus now in scheduler.FleetAsync(patience.Token))
                {
                    if (now.Workers.All(w => w.WorkerId != Alien))
                    {
                        break;
                    }
                }

                await scheduler.PauseAsync("upgraded", patience.Token);
            }

            // While it stands still both shards die, and nothing is lost by that either.
            if (item.Note?.Contains("it stands still, and a checkpoint of step", StringComparison.Ordinal) == true)
            {
                stood = item.Status.Step;
                Assert.True(fleet.Signal("ps-0", UnixSignal.Kill) && fleet.Signal("ps-1", UnixSignal.Kill));
                await scheduler.ResumeAsync("upgraded", patience.Token);
            }

            if (stood is { } step && item.Status.Step >= step + Between && !isCancelled)
            {
                isCancelled = true;
                await scheduler.CancelAsync("upgraded", patience.Token);
            }

            // The new scheduler can ask only who has joined it.
            bool isThere = left.TryPeek(out string? next) && (next != Drained || item.Status.Workers == Workers);
            if (asked is { IsCompleted: true } && going is null && item.Status.Step >= Math.Max(from, Between) && isThere && left.TryDequeue(out going))
            {
                if (going == Drained)
                {
                    await scheduler.DrainAsync(going, patience.Token);
                }
                else
                {
                    Assert.True(fleet.Signal(going, UnixSignal.Terminate), going);
                }
            }
        }

        Assert.True(left.Count == 0 && going is null, $"The job was over before {going}, {string.Join(", ", left)} had been replaced.");
        Assert.True(last?.State == JobState.Cancelled, $"{last}");
        RunSummary summary = RunSummary.FromJson(await File.ReadAllTextAsync(upgraded.Summary, patience.Token));
        string[] ledger = await File.ReadAllLinesAsync(upgraded.Ledger, patience.Token);
        // The fleet that has come of it does as many steps in peace, and ends the job.
        RunFolder quiet = await SubmitAsync(scheduler, "quiet", job with { Steps = ledger.Length, Workers = new WorkersSpec { Min = 1, Max = 1 } }, patience.Token);
        await foreach (JobEvent item in scheduler.EventsAsync("quiet", 0, patience.Token))
        {
            last = item.Status;
        }

        Assert.True(last.State == JobState.Finished, $"{last}");
        Assert.Equal(await File.ReadAllLinesAsync(quiet.Ledger, patience.Token), ledger);
        Assert.Equal(0, summary.StepsRepeated);
        // By each of the two schedulers.
        Assert.InRange(refusals.Count, 1, 2);
        Assert.All(refusals, note => Assert.Contains($"{Alien} gets no work of this job: it computes in the determinism class", note, StringComparison.Ordinal));
        // The one that was asked for, and those that each shard kept before it went.
        IReadOnlyList<long> kept = CheckpointSet.List(upgraded.Checkpoints);
        Assert.Contains((await asked!).Step, kept);
        Assert.True(kept.Count(version => version > 0) >= 4, string.Join(' ', kept));
    }

    /// <summary>A worker as on a processor without AVX2.</summary>
    private static ServiceProcess StartAlien(LocalFleet fleet)
    {
        var environment = new Dictionary<string, string>(SystemProcess.EnvironmentOf(fleet.Processes.Single(process => process.Name == "worker-0").ProcessId))
        {
            [EnvironmentNames.WorkerId] = Alien,
            ["Kestrel__Endpoints__http__Url"] = $"http://127.0.0.1:{FreePorts.Take(1)[0]}",
            // Nothing but the bits of what it computes tells of it.
            ["ATEN_CPU_CAPABILITY"] = "default",
        };
        return ServiceProcess.Start(Built.Services.PathOf(Services.Worker), environment);
    }

    private async Task<RunFolder> SubmitAsync(SchedulerClient scheduler, string id, JobSpec job, CancellationToken cancellation)
    {
        var run = new RunFolder(_folder.In(id));
        Directory.CreateDirectory(run.Path);
        await scheduler.SubmitAsync(new SubmitRequest(id, JobFile.ToCanonicalJson(job), run.Path), cancellation);
        return run;
    }

    /// <summary>Knows who was started again.</summary>
    private sealed class Restarts : IProgress<FleetEvent>
    {
        private readonly ConcurrentDictionary<string, bool> _names = new(StringComparer.Ordinal);

        public bool Of(string name) => _names.ContainsKey(name);

        public void Report(FleetEvent value)
        {
            if (value.Kind == FleetEventKind.Restarted)
            {
                _names[value.Process] = true;
            }
        }
    }
}

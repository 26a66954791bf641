using System.Collections.Concurrent;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.Engine.Scheduling;
using Lockstep.Scheduler.Tests.Servers;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A Redis with an append-only file is killed under a running job, and comes back with what it held.</summary>
public sealed class RedisRestartTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly TestFolder _folder = new();
    private readonly DigitsRuns _runs;
    private readonly DebianRedis _server;

    public RedisRestartTests(DigitsRuns runs)
    {
        _runs = runs;
        _server = new DebianRedis("", Directory.CreateDirectory(_folder.In("redis")).FullName);
    }

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_job_goes_on_and_nothing_was_lost()
    {
        _server.Require();
        FinishedRun quiet = await _runs.AloneAsync();
        var steps = new StepsReached();
        // The job meets a Redis that is away, and does not end before it is back.
        var barrier = new StepBarrier(_folder, 20, 50, 80);
        int restarts = 0;

        TrainingResult result = await TrainingRun.RunAsync(
            new TrainingOptions
            {
                Job = JobFile.Load(Built.Sample("digits"), ["epochs=", $"steps={DigitsRuns.Steps}", $"checkpoint.every={DigitsRuns.CheckpointEvery}", "shards=2"]),
                Output = _folder.In("run"),
                Workers = 2,
                Redis = $"{_server.EndPoint}",
                Services = Built.Services,
                RedisServerAssembly = Built.Lockstep,
                Environment = new Dictionary<string, string>([barrier.Environment]),
                Beside = async (_, cancellation) =>
                {
                    foreach (long step in (long[])[20, 50])
                    {
                        await steps.WaitAsync(step, cancellation);
                        // Killed, as a machine does that goes down.
                        await _server.StopAsync();
                        barrier.Release(step);
                        await _server.StartAsync();
                        restarts++;
                    }

                    barrier.Release(80);
                },
            },
            steps,
            TimeProvider.System,
            TestContext.Current.CancellationToken);

        Assert.True(result.State == JobState.Finished, result.Error);
        Assert.Equal(2, restarts);
        Assert.Equal(quiet.Ledger, await File.ReadAllLinesAsync(result.Folder.Ledger, TestContext.Current.CancellationToken));
        Assert.Equal(0, result.Summary!.StepsRepeated);
        // Where it came back without its records, the scheduler would have written them again, and said so.
        Assert.DoesNotContain(steps.Notes, note => note.Contains("lost everything", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_job_whose_scheduler_and_Redis_die_together_is_handed_in_again_and_goes_on()
    {
        FinishedRun quiet = await _runs.AloneAsync();
        var steps = new StepsReached();
        // The job does not end before the next scheduler has it.
        var barrier = new StepBarrier(_folder, 20, 60);
        bool killed = false;

        TrainingResult result = await TrainingRun.RunAsync(
            new TrainingOptions
            {
                Job = JobFile.Load(Built.Sample("digits"), ["epochs=", $"steps={DigitsRuns.Steps}", $"checkpoint.every={DigitsRuns.CheckpointEvery}", "shards=2"]),
                Output = _folder.In("run"),
                Workers = 2,
                Services = Built.Services,
                RedisServerAssembly = Built.Lockstep,
                Environment = new Dictionary<string, string>([barrier.Environment]),
                Beside = async (fleet, cancellation) =>
                {
                    await steps.WaitAsync(20, cancellation);
                    killed = fleet.Signal("redis", UnixSignal.Kill) && fleet.Signal("scheduler", UnixSignal.Kill);
                    barrier.Release(20);
                    await steps.WaitAsync(60, cancellation);
                    barrier.Release(60);
                },
            },
            steps,
            TimeProvider.System,
            TestContext.Current.CancellationToken);

        Assert.True(result.State == JobState.Finished, result.Error);
        Assert.True(killed);
        Assert.Equal(quiet.Ledger, await File.ReadAllLinesAsync(result.Folder.Ledger, TestContext.Current.CancellationToken));
        Assert.Equal(DigitsRuns.Steps, File.ReadLines(result.Folder.Metrics).Select(RunRecord.FromJson).OfType<StepRecord>().Select(s => s.Step).Distinct().Count());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(1)]
    public async Task A_whole_fleet_that_starts_again_goes_on_from_the_newest_checkpoint_also_with_fewer_shards(int shardsAfter)
    {
        _server.Require();
        FinishedRun quiet = await _runs.AloneAsync();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        var run = new RunFolder(_folder.In("run"));
        JobSpec job = JobFile.Load(Built.Sample("digits"), ["epochs=", $"steps={DigitsRuns.Steps}", $"checkpoint.every={DigitsRuns.CheckpointEvery}", "shards=2"]);

        // Those that are asked to end finish the step in hand, and no more.
        const int Reached = 2 * DigitsRuns.CheckpointEvery;
        var barrier = new StepBarrier(_folder, Reached);
        await using (LocalFleet fleet = await StartAsync("first", 2, patience.Token, barrier.Environment))
        {
            using var scheduler = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
            await scheduler.SubmitAsync(new SubmitRequest("again", JobFile.ToCanonicalJson(job), run.Path), patience.Token);
            await foreach (JobEvent item in scheduler.EventsAsync("again", 0, patience.Token))
            {
                if (item.Status.Step >= Reached)
                {
                    break;
                }
            }
        }

        long kept = CheckpointSet.List(run.Checkpoints)[^1];
        JobStatus? last = null;
        JobStatus? told = null;
        await using (LocalFleet fleet = await StartAsync("second", shardsAfter, patience.Token))
        {
            using var scheduler = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
            await foreach (JobEvent item in scheduler.EventsAsync("again", 0, patience.Token))
            {
                last = item.Status;
            }

            // The next scheduler tells how far the finished job came.
            Assert.True(fleet.Signal("scheduler", UnixSignal.Kill));
            using var next = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
            await foreach (JobEvent item in next.EventsAsync("again", 0, patience.Token))
            {
                told = item.Status;
            }
        }

        Assert.True(last?.State == JobState.Finished, $"{last}");
        Assert.Equal((JobState.Finished, DigitsRuns.Steps, last.TotalSteps), (told!.State, told.Step, told.TotalSteps));
        Assert.Equal(quiet.Ledger, await File.ReadAllLinesAsync(run.Ledger, patience.Token));
        Assert.InRange(kept, DigitsRuns.CheckpointEvery, DigitsRuns.Steps - 1);
        Assert.Contains(await File.ReadAllLinesAsync(_folder.In(Path.Combine("second", "scheduler.log")), patience.Token), line => line.Contains(shardsAfter == 2 ? $"version {kept}" : $"parameter servers: 1, fewer than the job had; it goes on with those from step {kept}", StringComparison.Ordinal));
    }

    private Task<LocalFleet> StartAsync(string logs, int shards, CancellationToken cancellation, params IEnumerable<KeyValuePair<string, string>> environment) => LocalFleet.StartAsync(
        new FleetOptions
        {
            Services = Built.Services,
            LogDirectory = _folder.In(logs),
            Shards = shards,
            Workers = 1,
            Redis = $"{_server.EndPoint}",
            RedisServerAssembly = Built.Lockstep,
            Queue = "again",
            Environment = new Dictionary<string, string>(environment) { [EnvironmentNames.DataRoots] = Path.GetDirectoryName(Built.Sample("digits"))!, [EnvironmentNames.RunsRoot] = _folder.Path },
        },
        TimeProvider.System,
        cancellation);

    private sealed class StepsReached : ITrainingObserver
    {
        private readonly ConcurrentDictionary<long, TaskCompletionSource> _waiting = [];
        private long _step;

        public ConcurrentQueue<string> Notes { get; } = [];

        public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes)
        {
        }

        public void Happened(JobEvent item)
        {
            if (item.Note is { } note)
            {
                Notes.Enqueue(note);
            }

            Volatile.Write(ref _step, item.Status.Step);
            foreach ((long step, TaskCompletionSource reached) in _waiting)
            {
                if (step <= item.Status.Step)
                {
                    reached.TrySetResult();
                }
            }
        }

        public async Task WaitAsync(long step, CancellationToken cancellation)
        {
            TaskCompletionSource reached = _waiting.GetOrAdd(step, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            if (Volatile.Read(ref _step) < step)
            {
                await reached.Task.WaitAsync(cancellation);
            }
        }
    }
}

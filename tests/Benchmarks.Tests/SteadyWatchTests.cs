using System.Text.Json;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.SystemBenchmark.Rows;
using Lockstep.SystemBenchmark.Runs;

namespace Lockstep.Benchmarks.Tests;

public sealed class SteadyWatchTests : IDisposable
{
    private static readonly SteadyWindow Window = new(TimeSpan.FromSeconds(2), 3, TimeSpan.FromSeconds(4), 4);

    private readonly string _folder = Directory.CreateTempSubdirectory("lockstep-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void OnlyTheWindowsStepsCount()
    {
        SteadyWatch watch = Started(workers: 2);
        // The first step late and slow; 3 s later warm; from there 5 steps of 1 s.
        double[] seconds = [9, 10, 11, 12, 13, 14, 15, 16, 17];
        for (int step = 1; step <= seconds.Length; step++)
        {
            Assert.Equal(step > 8, watch.Over.IsCompleted);
            watch.Happened(Step(step, seconds[step - 1], samples: 100, workers: step % 2 == 0 ? "a" : "b", repeats: step == 1 ? 1 : 0));
        }

        Figures figures = watch.Figures();
        Assert.Equal(100, figures[Figures.SamplesPerSecond], 6);
        Assert.Equal(1, figures[Figures.Repeated]);
    }

    [Fact]
    public void StepsCountWhereTheyAreSlowerThanTheTime()
    {
        SteadyWatch watch = Started(workers: 1);
        for (int step = 1; step <= 7; step++)
        {
            Assert.False(watch.Over.IsCompleted);
            watch.Happened(Step(step, step * 60.0, samples: 60, workers: "a"));
        }

        watch.Happened(Step(8, 480, samples: 60, workers: "a"));
        Assert.True(watch.Over.IsCompletedSuccessfully);
        Assert.Equal(1, watch.Figures()[Figures.SamplesPerSecond], 6);
    }

    [Fact]
    public void AWorkerThatDidNothingIsNoWorker()
    {
        SteadyWatch watch = Started(workers: 2);
        for (int step = 1; step <= 9; step++)
        {
            watch.Happened(Step(step, step, samples: 1, workers: "worker-0"));
        }

        Assert.Contains("worker-0", Assert.Throws<InvalidOperationException>(watch.Figures).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AllocationsAreThoseOfTheWindow()
    {
        const int Megabytes = 16;
        AllocationAnswers.Begin(_folder);
        SteadyWatch watch = Started(workers: 1, new FleetProcess("this", Environment.ProcessId, ""));
        for (int step = 1; step <= 8; step++)
        {
            watch.Happened(Step(step, step, samples: 1, workers: "a"));
            GC.KeepAlive(GC.AllocateUninitializedArray<byte>(Megabytes << 20));
        }

        await watch.Over;
        // And a little for what other tests do meanwhile.
        Assert.InRange(watch.Figures()[Figures.AllocatedBy + "this"], 1024 * Megabytes, 1.5 * 1024 * Megabytes);
    }

    [Fact]
    public async Task AProcessThatDoesNotAnswerIsNamed()
    {
        SteadyWatch watch = Started(workers: 1, new FleetProcess("ps-0", 1, ""));
        for (int step = 1; step <= 8; step++)
        {
            watch.Happened(Step(step, step, samples: 1, workers: "a"));
        }

        Assert.Contains("ps-0", (await Assert.ThrowsAsync<InvalidOperationException>(() => watch.Over)).Message, StringComparison.Ordinal);
    }

    private SteadyWatch Started(int workers, params FleetProcess[] processes)
    {
        var watch = new SteadyWatch(Window, workers, new AllocationProbe(_folder));
        watch.Started(new RunFolder(_folder), processes);
        return watch;
    }

    private static JobEvent Step(long step, double seconds, long samples, string workers, int repeats = 0)
    {
        JsonElement report = new StepRecord
        {
            Step = step,
            Seconds = seconds,
            Epoch = 0,
            Loss = 1,
            Samples = samples,
            LearningRate = 1,
            StepMs = 0,
            BarrierMs = 0,
            SyncMs = 0,
            UpdateMs = 0,
            SlotsByWorker = new Dictionary<string, int> { [workers] = 1 },
            GroupSizes = [1],
            StepsRepeated = repeats,
        }.ToElement();
        return new JobEvent(step, new JobStatus("job", JobState.Running, null, step, 100, 10, 1), report);
    }
}

using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark.Runs;

/// <summary>A job that is trained by a fleet of processes, as <c>lockstep train</c> does it.</summary>
/// <param name="File">Its job file.</param>
/// <param name="Settings">What is changed in it, as <c>--set</c> has it.</param>
internal sealed record TrainedJob(string File, IReadOnlyList<string> Settings)
{
    // More than are ever done.
    private const string Endless = "steps=100000000";

    private string Name => Path.GetFileName(File) == "job.yaml" ? Path.GetFileName(Path.GetDirectoryName(File)!) : Path.GetFileNameWithoutExtension(File);

    /// <summary>For people.</summary>
    public string Described(string how) => string.Join(", ", [Name, .. Settings, how]);

    /// <summary>One of the job files beside this program.</summary>
    public static TrainedJob Own(string name, int slots) =>
        new(Path.Combine(AppContext.BaseDirectory, "jobs", name + ".yaml"), [string.Create(CultureInfo.InvariantCulture, $"slots={slots}")]);

    public static TrainedJob Sample(string name) => new(BuiltTree.Sample(name), []);

    /// <summary>The job without validation and checkpoints: nothing but steps.</summary>
    public JobSpec Load()
    {
        JobSpec job = JobFile.Load(File, [.. Settings, Endless, "checkpoint.every=0"]);
        return job with { Data = job.Data with { Validation = null, ValidationLabels = null, Split = null } };
    }

    /// <summary>Trains until a window of steady steps is over, and ends the run then.</summary>
    public Contender Contender(Group group, int workers) => new(group, Described($"with {Amount.Of(workers, "worker")}"), (bench, cancellation) => SteadyAsync(bench, workers, cancellation));

    /// <summary>Trains the job as it stands to its end.</summary>
    public Contender WholeRun(Group group, int workers) => new(group, Described($"to its end with {Amount.Of(workers, "worker")}"), async (bench, cancellation) =>
    {
        JobSpec job = JobFile.Load(File, bench.Options.Quick ? [.. Settings, "steps=300"] : Settings);
        RunSummary summary = await bench.Fleets.RunAsync(Path.GetFileName(bench.NewPath(Name)), job, workers, new Silent(), cancellation: cancellation);
        return new Figures { [Figures.Repeated] = summary.StepsRepeated };
    });

    private async Task<Figures> SteadyAsync(Bench bench, int workers, CancellationToken cancellation)
    {
        JobSpec job = Load();
        string sockets = Directory.CreateTempSubdirectory("lockstep-").FullName;
        try
        {
            var allocations = new AllocationProbe(sockets);
            var watch = new SteadyWatch(bench.Window, workers, allocations);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Task<TrainingResult> run = TrainingRun.RunAsync(
                bench.Fleets.Options(Path.GetFileName(bench.NewPath(Name)), job with { Workers = new WorkersSpec { Min = workers, Max = workers } }, workers) with { Environment = allocations.Environment },
                watch,
                TimeProvider.System,
                stop.Token);
            bool ended = await Task.WhenAny(run, watch.Over) == run;
            await stop.CancelAsync();
            await ((Task)run).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.ThrowIfCancellationRequested();
            if (ended)
            {
                throw new InvalidOperationException($"The run ended before its window was over: {(await run).Error}");
            }

            await watch.Over;
            return watch.Figures();
        }
        finally
        {
            Directory.Delete(sockets, recursive: true);
        }
    }

    private sealed class Silent : ITrainingObserver
    {
        public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes)
        {
        }

        public void Happened(JobEvent item)
        {
        }
    }
}

using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Benchmarks;

/// <summary>Runs jobs on fleets of processes, each in a folder of its own.</summary>
/// <param name="folder">Where the runs go.</param>
public sealed class FleetRuns(string folder)
{
    public static JobSpec Digits(params string[] settings) => JobFile.Load(BuiltTree.Sample("digits"), ["epochs=null", .. settings]);

    /// <summary>A run of a job that begins with exactly so many workers.</summary>
    public TrainingOptions Options(string name, JobSpec job, int workers) => new()
    {
        Job = job,
        Output = NewFolder(name),
        Workers = workers,
        Services = BuiltTree.Services,
        RedisServerAssembly = BuiltTree.Lockstep,
    };

    /// <summary>Runs a job to its end.</summary>
    /// <exception cref="InvalidOperationException">It did not finish.</exception>
    public async Task<RunSummary> RunAsync(string name, JobSpec job, int workers, ITrainingObserver observer, Func<LocalFleet, CancellationToken, Task>? beside = null, CancellationToken cancellation = default)
    {
        TrainingResult result = await TrainingRun.RunAsync(Options(name, job, workers) with { Beside = beside }, observer, TimeProvider.System, cancellation);
        return result is { State: JobState.Finished, Summary: { } summary } ? summary : throw new InvalidOperationException($"The run {name} ended as {JobWords.Of(result.State)}: {result.Error}");
    }

    public string NewFolder(string name) => Path.Combine(folder, name);
}

using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Recovery;

/// <summary>Runs jobs on fleets of processes, each in a folder of its own.</summary>
/// <param name="folder">Where the runs go.</param>
internal sealed class Fleets(string root, string folder)
{
    public JobSpec Digits(params string[] settings) => JobFile.Load(Path.Combine(root, "samples/digits/job.yaml"), ["epochs=null", .. settings]);

    public async Task<RunSummary> RunAsync(string name, JobSpec job, int workers, ITrainingObserver observer, Func<LocalFleet, CancellationToken, Task>? beside = null)
    {
        TrainingResult result = await TrainingRun.RunAsync(
            new TrainingOptions
            {
                Job = job,
                Output = Path.Combine(folder, name),
                Workers = workers,
                Services = ServiceLocator.Find(AppContext.BaseDirectory, Environment.GetEnvironmentVariable(ServiceLocator.OverrideName)),
                RedisServerAssembly = Path.Combine(root, "Cli/bin/Release/net10.0/lockstep.dll"),
                Beside = beside,
            },
            observer,
            TimeProvider.System,
            CancellationToken.None);
        return result.Summary ?? throw new InvalidOperationException(result.Error);
    }

    public string NewFolder(string name) => Path.Combine(folder, name);
}

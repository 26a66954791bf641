using Lockstep.Contracts;
using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Engine.Chaos;

/// <summary>Is told how the two runs go.</summary>
public interface IChaosObserver
{
    /// <summary>A run begins.</summary>
    ITrainingObserver Begins(TrainingOptions options);

    void Fired(FiredFault fault);
}

/// <summary>Trains a job twice, once in peace and once with faults, and compares the ledgers.</summary>
public static class ChaosRun
{
    public const string QuietName = "quiet";
    public const string DisturbedName = "disturbed";
    private const string FaultsName = "faults";

    /// <summary>Trains into <c>quiet</c> and <c>disturbed</c>, below the output of <paramref name="training"/>.</summary>
    /// <param name="mostAdded">Workers that the plan may add.</param>
    /// <param name="least">Faults that are to happen at least.</param>
    /// <exception cref="InputException">The folder or the job cannot be used, or the job has fewer steps than the plan.</exception>
    /// <exception cref="FleetException">A process did not start, or did not stay up.</exception>
    /// <exception cref="ChaosException">The quiet run did not finish.</exception>
    public static async Task<ChaosVerdict> RunAsync(TrainingOptions training, FaultPlan plan, int mostAdded, int least, IChaosObserver observer, TimeProvider time, CancellationToken cancellation)
    {
        int workers = training.Workers + mostAdded;
        JobSpec job = training.Job with { Workers = training.Job.Workers with { Min = Math.Min(training.Job.Workers.Min, training.Workers), Max = Math.Max(training.Job.Workers.Max, workers) } };
        TrainingOptions quietOptions = training with { Job = job, Output = Path.Combine(training.Output, QuietName) };
        var folder = new FaultFolder(Path.Combine(training.Output, FaultsName));
        if (Directory.EnumerateFileSystemEntries(folder.FullName).Any())
        {
            throw new InputException(training.Output, 0, "The folder holds the faults of a run already.", "Choose another folder with --output.");
        }

        TrainingResult quiet = await TrainingRun.RunAsync(quietOptions, observer.Begins(quietOptions), time, cancellation);
        if (quiet is not { State: JobState.Finished, Summary: { } })
        {
            throw new ChaosException($"The quiet run did not finish: {(quiet.Error ?? JobWords.Of(quiet.State)).TrimEnd('.')}. Logs: {quiet.Folder.Logs}");
        }

        CheckSteps(plan, quiet.Summary.Steps);
        var times = new RunTimeline(time);
        var injector = new FaultInjector(plan, folder, times, time, observer.Fired);
        injector.Prepare(quiet.Summary.Steps, least);
        TrainingOptions disturbedOptions = quietOptions with
        {
            Output = Path.Combine(training.Output, DisturbedName),
            Environment = new Dictionary<string, string>(training.Environment) { [EnvironmentNames.Faults] = folder.FullName },
            Beside = injector.RunAsync,
        };
        TrainingResult disturbed = await TrainingRun.RunAsync(disturbedOptions, new Watcher(observer.Begins(disturbedOptions), times), time, cancellation);

        var all = injector.Fired;
        long steps = quiet.Summary.Steps;
        var fired = all.Where(f => f.Fault.At.Step < steps).ToArray();
        LedgerComparison ledgers = disturbed.State == JobState.Finished
            ? LedgerComparison.Of(quiet.Folder, disturbed.Folder, steps)
            : new LedgerComparison(0, $"the disturbed run did not finish: {(disturbed.Error ?? JobWords.Of(disturbed.State)).TrimEnd('.')}. Logs: {disturbed.Folder.Logs}");
        double[] recoveries = [.. fired.Select(f => f.RecoveryMs).OfType<double>()];
        return new ChaosVerdict(
            ledgers.Difference is null,
            [.. fired.Select(f => f.Fault)],
            Percentiles.Of(recoveries),
            disturbed.Summary?.StepsRepeated ?? 0,
            disturbed.Summary?.Time?.Goodput ?? 0)
        {
            Recoveries = [.. fired.Select(f => f.RecoveryMs)],
            Said = [.. fired.Select(f => f.Said)],
            Late = [.. all.Where(f => f.Fault.At.Step >= steps).Select(f => f.Fault)],
            Missed = injector.Missed,
            Ledgers = ledgers,
        };
    }

    /// <summary>After the last step nothing can show what a fault does.</summary>
    private static void CheckSteps(FaultPlan plan, long steps)
    {
        if (plan.Count is not null && plan.Faults.FirstOrDefault(fault => fault.At.Step >= steps) is { } late)
        {
            throw new InputException("--schedule", 0, $"A fault of kind '{JobWords.Of(late.Kind)}' is planned for step {late.At.Step}, and the job has {steps} steps.", "Plan it for an earlier one, or give the job more with --set steps=….");
        }
    }

    /// <summary>Keeps the time of each step, and what is said.</summary>
    private sealed class Watcher(ITrainingObserver inner, RunTimeline times) : ITrainingObserver
    {
        public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes) => inner.Started(folder, processes);

        public void Happened(FleetEvent item)
        {
            times.Say(item.ToString());
            inner.Happened(item);
        }

        public void Happened(JobEvent item)
        {
            if (item.Report is { } report && RunRecord.FromElement(report) is StepRecord step)
            {
                times.Publish(step.Step);
            }

            if (item.Note is { } note)
            {
                times.Say(note);
            }

            inner.Happened(item);
        }
    }
}

/// <summary>The runs could not be compared.</summary>
public sealed class ChaosException(string message) : Exception(message);

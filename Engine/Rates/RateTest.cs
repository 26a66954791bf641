using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Engine.Rates;

/// <summary>Trains a job while its learning rate rises from step to step, and ends when the loss gets out of hand. An ordinary run, with a schedule of its own.</summary>
public static class RateTest
{
    public const int FewestSteps = 20;
    public const int MostSteps = 10_000;

    /// <summary>The job with rates from one to another, each the same factor above the one before.</summary>
    /// <exception cref="InputException">Such rates cannot be.</exception>
    public static JobSpec JobOf(JobSpec job, double from, double to, int steps)
    {
        if (steps is < FewestSteps or > MostSteps)
        {
            throw new InputException("--steps", 0, $"{steps} steps are {(steps < FewestSteps ? "too few" : "too many")}.", $"Give {FewestSteps} to {MostSteps}.");
        }

        if (!(from > 0) || !(to > from) || !(to <= ScheduleSpec.LargestRate))
        {
            throw new InputException("--from", 0, FormattableString.Invariant($"Rates cannot rise from {from} to {to}."), FormattableString.Invariant($"Give --from above 0, and --to above it and at most {ScheduleSpec.LargestRate}."));
        }

        double factor = Math.Pow(to / from, 1.0 / (steps - 1));
        if (factor > ScheduleSpec.LargestGamma)
        {
            throw new InputException("--steps", 0, FormattableString.Invariant($"{steps} steps from {from} to {to} are more than {ScheduleSpec.LargestGamma} times apart."), "Give more steps, or rates nearer to each other.");
        }

        return job with
        {
            Optimizer = job.Optimizer with { LearningRate = from },
            Schedule = new ScheduleSpec { Kind = ScheduleKind.Step, StepSize = 1, Gamma = factor },
            Steps = steps,
            Epochs = null,
            Metrics = [],
            Checkpoint = new CheckpointSpec { Every = 0, Keep = 1 },
        };
    }

    /// <param name="options">Of a job of <see cref="JobOf"/>.</param>
    /// <exception cref="FleetException">The job failed for another reason than a loss out of hand, or a process did.</exception>
    public static async Task<RateCurve> RunAsync(TrainingOptions options, ITrainingObserver observer, TimeProvider time, CancellationToken cancellation)
    {
        using var outOfHand = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var watch = new Watch(observer, outOfHand.Cancel);
        try
        {
            TrainingResult result = await TrainingRun.RunAsync(options, watch, time, outOfHand.Token);
            if (result.State != JobState.Finished && result.Cause != FailureCause.NotFinite)
            {
                throw result is { Cause: FailureCause.Input, Error: { } error }
                    ? new InputException(InputException.JobFile, 0, error, "")
                    : new FleetException(result.Error ?? $"The job ended as {JobWords.Of(result.State)}.");
            }

            // A gradient that is no number any more ends the job; what comes after is out of hand in any case.
            return RateCurve.Of(result.State == JobState.Finished ? watch.Points : [.. watch.Points, new RatePoint(double.NaN, double.NaN)]);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && outOfHand.IsCancellationRequested)
        {
            return RateCurve.Of(watch.Points);
        }
    }

    private sealed class Watch(ITrainingObserver inner, Action outOfHand) : ITrainingObserver
    {
        public List<RatePoint> Points { get; } = [];

        public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes) => inner.Started(folder, processes);

        public void Checking(string progress) => inner.Checking(progress);

        public void Found(string note) => inner.Found(note);

        public void Happened(FleetEvent item) => inner.Happened(item);

        public void Happened(JobEvent item)
        {
            inner.Happened(item);
            // Events are told again where a scheduler starts anew.
            if (item.Report is { } report && RunRecord.FromElement(report) is StepRecord step && step.Step == Points.Count + 1)
            {
                Points.Add(new RatePoint(step.LearningRate, step.Loss));
                if (RateCurve.EndOf(Points) < Points.Count)
                {
                    outOfHand();
                }
            }
        }
    }
}

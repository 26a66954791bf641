using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Cli.Views;

/// <summary>What a view shows, worked out from the newest events.</summary>
internal sealed class TrainingProgress(TimeProvider time)
{
    private const int Window = 200;

    private readonly Queue<StepRecord> _steps = new();
    private readonly long _started = time.GetTimestamp();
    private TimeSpan _recorded;
    private long _recordedAt = time.GetTimestamp();

    public JobStatus? Status { get; private set; }
    public StepRecord? Step { get; private set; }
    public EvaluationRecord? Evaluation { get; private set; }

    /// <value>Since the run began, as its records say; where none has come yet, since this follows it.</value>
    public TimeSpan Elapsed => TimeSpan.FromTicks(Math.Max(time.GetElapsedTime(_started).Ticks, (_recorded + time.GetElapsedTime(_recordedAt)).Ticks));
    // A job may finish before its last step.
    public double Fraction => Status is { State: JobState.Finished } ? 1 : Status is { TotalSteps: > 0 } s ? (double)s.Step / s.TotalSteps : 0;

    /// <value>Mean over the newest steps.</value>
    public double Loss => _steps.Count == 0 ? double.NaN : _steps.Sum(s => s.Loss * s.Samples) / _steps.Sum(s => s.Samples);
    public double SamplesPerSecond => _steps.Count < 2 ? 0 : _steps.Skip(1).Sum(s => s.Samples) / Math.Max(1e-6, _steps.Last().Seconds - _steps.Peek().Seconds);
    public Percentiles StepMs => Percentiles.Of(_steps.Select(s => s.StepMs));
    public Percentiles SyncMs => Percentiles.Of(_steps.Where(s => s.SyncMs > 0).Select(s => s.SyncMs));

    /// <value>Null: not known yet.</value>
    public TimeSpan? Remaining => Status is { } s && _steps.Count > 1 && s.TotalSteps > 0
        ? TimeSpan.FromSeconds((s.TotalSteps - s.Step) * Math.Max(0, _steps.Last().Seconds - _steps.Peek().Seconds) / (_steps.Count - 1))
        : null;

    /// <returns>The record that came; null: only the job's state.</returns>
    public RunRecord? Take(JobEvent item)
    {
        Status = item.Status;
        RunRecord? record = item.Report is { } report ? RunRecord.FromElement(report) : null;
        if (record is not null)
        {
            (_recorded, _recordedAt) = (TimeSpan.FromSeconds(record.Seconds), time.GetTimestamp());
        }

        switch (record)
        {
            case StepRecord step:
                Step = step;
                _steps.Enqueue(step);
                if (_steps.Count > Window)
                {
                    _steps.Dequeue();
                }

                break;
            case EvaluationRecord evaluation:
                Evaluation = evaluation;
                break;
        }

        return record;
    }
}

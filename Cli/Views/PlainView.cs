using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Contracts;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Cli.Views;

/// <summary>Lines for a file or a pipe: progress and evaluations every few seconds, the last evaluation, each change of workers.</summary>
internal sealed class PlainView(TextWriter output, RunCaption caption, TimeProvider time) : ITrainingView
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(5);

    private readonly TrainingProgress _progress = new(time);
    private long _checked = time.GetTimestamp();
    private long _written;
    private long? _evaluated;
    private EvaluationRecord? _unwritten;
    private int _workers = -1;

    public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes) =>
        output.WriteLine($"{caption.Name}: {processes.Count} processes up after {Texts.Of(_progress.Elapsed.TotalSeconds)} s; {caption.Setting}");

    public void Checking(string progress)
    {
        if (time.GetElapsedTime(_checked) >= CheckInterval)
        {
            _checked = time.GetTimestamp();
            output.WriteLine($"checking {Printable.Of(progress)}");
        }
    }

    public void Found(string note) => output.WriteLine(note);

    public void Happened(JobEvent item)
    {
        RunRecord? record = _progress.Take(item);
        if (record is EvaluationRecord evaluation)
        {
            _unwritten = evaluation;
            // Of a short run an epoch may take milliseconds.
            if (_evaluated is not { } before || time.GetElapsedTime(before) >= Interval || evaluation.Step == item.Status.TotalSteps)
            {
                WriteEvaluation();
            }
        }
        else if (record is StepRecord step && (step.Step == 1 || time.GetElapsedTime(_written) >= Interval))
        {
            _written = time.GetTimestamp();
            output.WriteLine($"[{Texts.Of(_progress.Elapsed)}] step {step.Step}/{item.Status.TotalSteps}, epoch {Texts.Of(step.Epoch)}: loss {Texts.Of(_progress.Loss)}, {Texts.Count(_progress.SamplesPerSecond)} samples/s, step {Texts.Of(_progress.StepMs)}, sync {Texts.Of(_progress.SyncMs)}, {Left()}");
        }

        if (item.Note is { } note)
        {
            output.WriteLine($"[{Texts.Of(_progress.Elapsed)}] step {item.Status.Step}: {note}");
        }

        // None at all is said by a note; a scheduler that has just come does not know them yet.
        if (item.Status.Workers != _workers && item.Status.Workers > 0 && item.Status.State == JobState.Running)
        {
            if (_workers >= 0)
            {
                output.WriteLine($"[{Texts.Of(_progress.Elapsed)}] {Amount.Of(item.Status.Workers, "worker")} at step {item.Status.Step}");
            }

            _workers = item.Status.Workers;
        }
    }

    /// <summary>The fleet tells of it on a thread of its own; a line is written whole.</summary>
    public void Happened(FleetEvent item) => output.WriteLine($"[{Texts.Of(_progress.Elapsed)}] {item}");

    public void Close()
    {
        WriteEvaluation();
        output.Flush();
    }

    public void Dispose()
    {
    }

    private void WriteEvaluation()
    {
        if (_unwritten is { } evaluation)
        {
            output.WriteLine($"[{Texts.Of(_progress.Elapsed)}] step {evaluation.Step}: {Texts.Of(evaluation)}");
            (_unwritten, _evaluated) = (null, time.GetTimestamp());
        }
    }

    private string Left() => _progress.Remaining is { } left ? $"{Texts.Of(left)} left" : "time left not known yet";
}

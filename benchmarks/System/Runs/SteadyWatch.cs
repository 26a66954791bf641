using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark.Runs;

/// <summary>Follows a run's records until its window is over, and says what it did in it. By the times of the records: when this process hears of them does not matter.</summary>
/// <param name="workers">Each must have computed slots in the window.</param>
internal sealed class SteadyWatch(SteadyWindow window, int workers, AllocationProbe allocations) : ITrainingObserver
{
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<string> _contributed = new(StringComparer.Ordinal);
    private IReadOnlyList<FleetProcess> _processes = [];
    private StepRecord? _first;
    private StepRecord? _begin;
    private StepRecord? _end;
    private long _samples;
    private long _repeated;
    private AllocationReading? _before;
    private AllocationReading? _after;

    /// <value>Ends with the window.</value>
    public Task Over => _over.Task;

    public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes) => _processes = [.. processes];

    public void Happened(JobEvent item)
    {
        if (_end is not null || item.Report is not { } report || RunRecord.FromElement(report) is not StepRecord step)
        {
            return;
        }

        try
        {
            Take(step);
        }
        catch (Exception exception)
        {
            _over.TrySetException(exception);
        }
    }

    /// <summary>Samples a second, steps repeated since the first, and allocations by process.</summary>
    /// <exception cref="InvalidOperationException">A worker did nothing in the window.</exception>
    public Figures Figures()
    {
        if (_contributed.Count != workers)
        {
            throw new InvalidOperationException($"Of {workers} workers only {string.Join(", ", _contributed)} computed slots from step {_begin!.Step} to {_end!.Step}.");
        }

        var figures = new Figures
        {
            [Rows.Figures.SamplesPerSecond] = _samples / (_end!.Seconds - _begin!.Seconds),
            [Rows.Figures.Repeated] = _repeated,
        };
        foreach ((string process, double kilobytes) in _after!.PerStepSince(_before!))
        {
            figures[Rows.Figures.AllocatedBy + process] = kilobytes;
        }

        return figures;
    }

    private void Take(StepRecord step)
    {
        _first ??= step;
        _repeated += step.StepsRepeated;
        if (_begin is null)
        {
            if (IsPast(step, _first, window.Warm, window.WarmSteps))
            {
                _begin = step;
                _before = allocations.Read(_processes, step.Step);
            }

            return;
        }

        _samples += step.Samples;
        _contributed.UnionWith(step.SlotsByWorker.Keys);
        if (IsPast(step, _begin, window.Length, window.Steps))
        {
            _after = allocations.Read(_processes, step.Step);
            _end = step;
            _over.TrySetResult();
        }
    }

    private static bool IsPast(StepRecord step, StepRecord since, TimeSpan time, long steps) => step.Seconds - since.Seconds >= time.TotalSeconds && step.Step - since.Step >= steps;
}

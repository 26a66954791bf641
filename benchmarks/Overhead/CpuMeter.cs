using System.Diagnostics;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Overhead;

/// <summary>CPU time, user and system, of all processes of a fleet, and the steps done.</summary>
internal sealed class CpuMeter : ITrainingObserver
{
    private readonly Lock _gate = new();
    private readonly List<(long Step, TaskCompletionSource Reached)> _waiting = [];
    private IReadOnlyList<FleetProcess> _processes = [];
    private long _step;

    /// <value>None before the fleet is there.</value>
    public IReadOnlyList<FleetProcess> Processes
    {
        get
        {
            lock (_gate)
            {
                return _processes;
            }
        }
    }

    public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes)
    {
        lock (_gate)
        {
            _processes = [.. processes];
        }
    }

    public void Happened(JobEvent item)
    {
        lock (_gate)
        {
            _step = Math.Max(_step, item.Status.Step);
            foreach (var (_, reached) in _waiting.Where(w => w.Step <= _step))
            {
                reached.TrySetResult();
            }

            _waiting.RemoveAll(w => w.Step <= _step);
        }
    }

    /// <summary>Ends once a step is done.</summary>
    public Task ReachAsync(long step)
    {
        lock (_gate)
        {
            if (_step >= step)
            {
                return Task.CompletedTask;
            }

            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((step, reached));
            return reached.Task;
        }
    }

    /// <summary>As it is now.</summary>
    public CpuReading Read()
    {
        IReadOnlyDictionary<string, TimeSpan> times = TimesOf(Processes);
        lock (_gate)
        {
            return new CpuReading(_step, times);
        }
    }

    /// <summary>CPU time of processes since their start, by name.</summary>
    public static IReadOnlyDictionary<string, TimeSpan> TimesOf(IEnumerable<FleetProcess> processes)
    {
        var times = new Dictionary<string, TimeSpan>(StringComparer.Ordinal);
        foreach (FleetProcess one in processes)
        {
            using var process = Process.GetProcessById(one.ProcessId);
            times[one.Name] = process.TotalProcessorTime;
        }

        return times;
    }
}

/// <param name="Step">Steps done.</param>
/// <param name="Cpu">Of each process since its start.</param>
internal readonly record struct CpuReading(long Step, IReadOnlyDictionary<string, TimeSpan> Cpu)
{
    /// <summary>By process, milliseconds of CPU a step since an earlier reading.</summary>
    public IReadOnlyDictionary<string, double> PerStepSince(CpuReading earlier)
    {
        long steps = Step - earlier.Step;
        return steps > 0
            ? Cpu.ToDictionary(p => p.Key, p => (p.Value - earlier.Cpu[p.Key]).TotalMilliseconds / steps)
            : throw new InvalidOperationException($"No step was done between the readings at {earlier.Step} and {Step}.");
    }
}

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
    private IReadOnlyList<int> _processes = [];
    private long _step;

    /// <value>Process ids; none before the fleet is there.</value>
    public IReadOnlyList<int> Processes
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
            _processes = [.. processes.Select(p => p.ProcessId)];
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
        TimeSpan sum = TimeSpan.Zero;
        foreach (int id in Processes)
        {
            using var process = Process.GetProcessById(id);
            sum += process.TotalProcessorTime;
        }

        lock (_gate)
        {
            return new CpuReading(_step, sum);
        }
    }
}

/// <param name="Step">Steps done.</param>
/// <param name="Cpu">Of all processes since their start.</param>
internal readonly record struct CpuReading(long Step, TimeSpan Cpu)
{
    /// <summary>Milliseconds of CPU a step since an earlier reading.</summary>
    public double PerStepSince(CpuReading earlier) => Step > earlier.Step
        ? (Cpu - earlier.Cpu).TotalMilliseconds / (Step - earlier.Step)
        : throw new InvalidOperationException($"No step was done between the readings at {earlier.Step} and {Step}.");
}

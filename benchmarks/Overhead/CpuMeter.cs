using System.Diagnostics;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Overhead;

/// <summary>CPU time, user and system, that all processes of a fleet take between two steps.</summary>
internal sealed class CpuMeter(long from, long to) : ITrainingObserver
{
    private readonly List<int> _processes = [];
    private (long Step, TimeSpan Cpu)? _first;
    private (long Step, TimeSpan Cpu)? _last;

    public double MillisecondsPerStep => _first is { } first && _last is { } last && last.Step > first.Step
        ? (last.Cpu - first.Cpu).TotalMilliseconds / (last.Step - first.Step)
        : throw new InvalidOperationException($"The run did not reach steps {from} and {to}.");

    public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes) => _processes.AddRange(processes.Select(p => p.ProcessId));

    public void Happened(JobEvent item)
    {
        if (_first is null && item.Status.Step >= from)
        {
            _first = (item.Status.Step, Cpu());
        }
        else if (_last is null && item.Status.Step >= to)
        {
            _last = (item.Status.Step, Cpu());
        }
    }

    private TimeSpan Cpu()
    {
        TimeSpan sum = TimeSpan.Zero;
        foreach (int id in _processes)
        {
            using var process = Process.GetProcessById(id);
            sum += process.TotalProcessorTime;
        }

        return sum;
    }
}

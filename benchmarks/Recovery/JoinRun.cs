using System.Diagnostics;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Recovery;

/// <summary>Kills one of two workers at a step, and takes down when the one that is started in its place has joined and when it has computed.</summary>
/// <param name="killAt">Step after which it is killed.</param>
internal sealed class JoinRun(string victim, long killAt) : ITrainingObserver
{
    private int _process;
    private long _killed;
    private long _joined;
    private long _stepAtJoin;
    private bool _isAway;

    /// <value>Milliseconds from the kill until the new one has joined: a process's start, mostly; 0: it did not.</value>
    public double JoinMs { get; private set; }

    /// <value>Milliseconds from there until a step is published that has slots of it; 0: there was none.</value>
    public double UsefulMs { get; private set; }

    /// <value>Steps that were published meanwhile without it.</value>
    public long StepsWithout { get; private set; } = -1;

    public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes) => _process = processes.First(p => p.Name == victim).ProcessId;

    public void Happened(JobEvent item)
    {
        StepRecord? step = item.Report is { } report ? RunRecord.FromElement(report) as StepRecord : null;
        if (_killed == 0 && step?.Step >= killAt)
        {
            using Process process = Process.GetProcessById(_process);
            process.Kill();
            _killed = Stopwatch.GetTimestamp();
        }
        else if (_killed != 0 && _joined == 0)
        {
            _isAway |= item.Status.Workers < 2;
            if (_isAway && item.Status.Workers == 2)
            {
                (_joined, _stepAtJoin) = (Stopwatch.GetTimestamp(), item.Status.Step);
                JoinMs = Stopwatch.GetElapsedTime(_killed, _joined).TotalMilliseconds;
            }
        }

        if (_joined != 0 && StepsWithout < 0 && step?.SlotsByWorker.GetValueOrDefault(victim) > 0)
        {
            UsefulMs = Stopwatch.GetElapsedTime(_joined).TotalMilliseconds;
            StepsWithout = Math.Max(0, step.Step - _stepAtJoin - 1);
        }
    }
}

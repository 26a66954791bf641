using System.Diagnostics;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Recovery;

/// <summary>Kills one worker at a step, and takes down when steps were published.</summary>
/// <param name="killAt">Step after which it is killed; 0: nobody is.</param>
internal sealed class KilledRun(string victim, long killAt) : ITrainingObserver
{
    private int _process;
    private long _killed;

    /// <value>Milliseconds from the kill to the next published step; 0: nobody was killed, or nothing came after.</value>
    public double GapMs { get; private set; }

    /// <value>The step that was published next.</value>
    public StepRecord? Next { get; private set; }

    public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes) => _process = processes.First(p => p.Name == victim).ProcessId;

    public void Happened(JobEvent item)
    {
        if (item.Report is not { } report || RunRecord.FromElement(report) is not StepRecord step)
        {
            return;
        }

        if (_killed != 0 && Next is null)
        {
            GapMs = Stopwatch.GetElapsedTime(_killed).TotalMilliseconds;
            Next = step;
        }
        else if (killAt > 0 && _killed == 0 && step.Step >= killAt)
        {
            using Process process = Process.GetProcessById(_process);
            process.Kill();
            _killed = Stopwatch.GetTimestamp();
        }
    }
}

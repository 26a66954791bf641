using System.Diagnostics;
using Lockstep.Contracts.Faults;

namespace Lockstep.ParameterServer.Steps;

/// <summary>Ends a parameter server at a phase of a step, where <c>lockstep chaos</c> asks for that.</summary>
/// <param name="die">Null: the process is killed.</param>
public sealed class ShardFaults(ArmedFaults armed, Action? die = null)
{
    private readonly Action _die = die ?? Kill;

    /// <summary>Meets its end here, where that was asked for: in the step that was named, or the first after it in which the shard gets here.</summary>
    public void Reach(FaultPhase phase, long step)
    {
        foreach ((int number, Fault fault) in armed.Current)
        {
            if (fault.Kind == FaultKind.KillShard && fault.At.Phase == phase && step >= fault.At.Step && armed.TryFire(number))
            {
                _die();
            }
        }
    }

    private static void Kill()
    {
        using var self = Process.GetCurrentProcess();
        self.Kill();
    }
}

using System.Runtime.InteropServices;

namespace Lockstep.Engine.Processes;

/// <summary>A terminal that closes ends a command as Ctrl-C does, so that nothing is lost.</summary>
public static class ClosedTerminal
{
    /// <param name="end">Ends the command in order.</param>
    /// <returns>Dispose of it to leave the signal to the system again.</returns>
    public static PosixSignalRegistration Watch(Action end) => PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
    {
        context.Cancel = true;
        end();
    });
}

// The entry of this project with UseAspire=false: the embedded engine in the place of Aspire.
using System.Runtime.InteropServices;
using Lockstep.Engine.Hosting;
using Lockstep.Engine.Processes;

using var stop = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using PosixSignalRegistration hangUp = ClosedTerminal.Watch(stop.Cancel);
return await EmbeddedHost.RunAsync(args, typeof(Program).Assembly.Location, TimeProvider.System, stop.Token);

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}

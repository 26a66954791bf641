using System.Runtime.InteropServices;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Hosting;

namespace Lockstep.ServiceDefaults;

/// <summary>Lets a host end when its launcher asks it to (SIGTERM), and not with it: a terminal's Ctrl-C, and its closing, reach the launcher and all its processes at once, and the launcher ends them in an order in which nothing is lost.</summary>
internal sealed class LauncherLifetime(IHostApplicationLifetime lifetime) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _signals = [];

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, End));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGQUIT, End));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, static context => context.Cancel = true));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, static context => context.Cancel = true));
        if (FileSizeLimit.FailInsteadOfEnding() is { } limit)
        {
            _signals.Add(limit);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _signals.ForEach(signal => signal.Dispose());

    private void End(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!lifetime.ApplicationStarted.IsCancellationRequested)
        {
            // It has nothing in hand yet, and a host whose start is called off reports that as a failure.
            Environment.Exit(0);
        }

        lifetime.StopApplication();
    }
}

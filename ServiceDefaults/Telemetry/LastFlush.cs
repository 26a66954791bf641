using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Lockstep.ServiceDefaults.Telemetry;

/// <summary>Sends what is left of metrics, traces and logs once a service has stopped, side by side and for a short time only: a collector that does not answer must not keep a process from ending.</summary>
/// <remarks>Left to themselves the three end one after the other, each with up to ten seconds.</remarks>
internal sealed class LastFlush(IHostApplicationLifetime lifetime, IServiceProvider services) : IHostedService
{
    private const int PatienceMs = 3000;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStopped.Register(Flush);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Flush()
    {
        Thread[] flushes =
        [
            Begin(() => services.GetService<MeterProvider>()?.Shutdown(PatienceMs)),
            Begin(() => services.GetService<TracerProvider>()?.Shutdown(PatienceMs)),
            Begin(() => services.GetService<LoggerProvider>()?.Shutdown(PatienceMs)),
        ];
        foreach (Thread flush in flushes)
        {
            flush.Join(PatienceMs);
        }
    }

    // Not of the pool: each only waits.
    private static Thread Begin(Action flush)
    {
        var thread = new Thread(() => flush()) { IsBackground = true };
        thread.Start();
        return thread;
    }
}

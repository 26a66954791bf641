using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Lockstep.ServiceDefaults.Telemetry;

/// <summary>Sends what is left of metrics, traces and logs once a service has stopped, side by side and for a short time only: a collector that does not answer must not keep a process from ending.</summary>
/// <remarks>Left to themselves the three end one after the other, each after five seconds.</remarks>
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
        MeterProvider? meters = services.GetService<MeterProvider>();
        TracerProvider? traces = services.GetService<TracerProvider>();
        LoggerProvider? logs = services.GetService<LoggerProvider>();
        // Not threads of the pool: each only waits.
        Thread[] flushes = [Begin(() => meters?.Shutdown(PatienceMs)), Begin(() => traces?.Shutdown(PatienceMs)), Begin(() => logs?.Shutdown(PatienceMs))];
        foreach (Thread flush in flushes)
        {
            flush.Join(PatienceMs);
        }
    }

    private static Thread Begin(Action flush)
    {
        var thread = new Thread(() =>
        {
            try
            {
                flush();
            }
            catch (ObjectDisposedException)
            {
                // It took too long, and the process went on.
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        return thread;
    }
}

using Lockstep.ServiceDefaults.Telemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Lockstep.Overhead;

/// <summary>Runs in each service of a fleet that was started with telemetry off, and turns metrics and traces on and off by the clock, as the service itself would have set them up.</summary>
internal static class TelemetrySwitch
{
    /// <summary>The service with an HTTP API, which is measured as well.</summary>
    private const string Scheduler = "scheduler";
    /// <summary>Of the fleet in which telemetry is on where it is off in the other.</summary>
    public const string IsSecond = "LOCKSTEP_OVERHEAD_IS_SECOND";

    private const string Disabled = "OTEL_SDK_DISABLED";
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <param name="service">Its name.</param>
    public static async Task RunAsync(string service)
    {
        try
        {
            while (true)
            {
                await UntilAsync(isOn: true);
                using (TurnOn(service))
                {
                    await UntilAsync(isOn: false);
                }
            }
        }
        catch (Exception exception)
        {
            // A service that stayed silent would make telemetry look cheap.
            Environment.FailFast("Telemetry cannot be turned on and off.", exception);
        }
    }

    private static async Task UntilAsync(bool isOn)
    {
        bool isSecond = Environment.GetEnvironmentVariable(IsSecond) is not null;
        while (Periods.IsOn(Periods.Of(TimeProvider.System.GetUtcNow())) == (isOn == isSecond))
        {
            await Task.Delay(Pause, TimeProvider.System);
        }
    }

    private static IHost TurnOn(string service)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddEnvironmentVariables();
        builder.Configuration.AddInMemoryCollection([new(Disabled, "false")]);
        builder.AddTelemetry(hasHttpApi: service == Scheduler);
        IHost host = builder.Build();
        // The host is not started: the providers work as soon as they are there.
        host.Services.GetRequiredService<MeterProvider>();
        host.Services.GetRequiredService<TracerProvider>();
        return host;
    }
}

using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.ServiceDefaults.Access;
using Lockstep.ServiceDefaults.Health;
using Lockstep.ServiceDefaults.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.ServiceDefaults;

/// <summary>What every service has alike: telemetry, health, service discovery, resilient HTTP clients, and an eye on the process that launched it.</summary>
public static class ServiceDefaultsExtensions
{
    private const string Live = "live";

    /// <param name="hasHttpApi">Its HTTP requests are measured and traced one by one. What the services ask of each other many times a step is not: their own metrics and a traced step's spans tell of it.</param>
    /// <exception cref="InputException">The environment says something that cannot be.</exception>
    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder, bool hasHttpApi = false) where TBuilder : IHostApplicationBuilder
    {
        TimeSpan hangTimeout = HangCheck.TimeoutFrom(builder.Configuration);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
            "hang", services => new HangCheck(services.GetServices<IHangWatched>(), hangTimeout), HealthStatus.Unhealthy, [Live]));
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(http =>
        {
            http.AddStandardResilienceHandler();
            http.AddServiceDiscovery();
        });
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        builder.AddTelemetry(hasHttpApi);
        if (builder.Configuration[EnvironmentNames.ParentProcess] is { Length: > 0 } parent)
        {
            builder.Services.AddSingleton<IHostLifetime, LauncherLifetime>();
            Task gone = ParentWatch.BeginAsync(parent, TimeProvider.System);
            builder.Services.AddHostedService(services => new ParentWatch(parent, gone, services.GetRequiredService<IHostApplicationLifetime>(), services.GetRequiredService<ILogger<ParentWatch>>()));
        }

        return builder;
    }

    /// <summary>/health: ready to serve; /alive: the process answers and nothing in it hangs; /metrics: for Prometheus.</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapHealthChecks(SchedulerRoutes.Health, new HealthCheckOptions { ResponseWriter = WriteAsync }).NeedsNothing();
        app.MapHealthChecks(SchedulerRoutes.Alive, new HealthCheckOptions { Predicate = check => check.Tags.Contains(Live), ResponseWriter = WriteAsync }).NeedsNothing();
        if (!TelemetryRegistration.IsOff(app.Configuration))
        {
            app.MapPrometheusScrapingEndpoint(SchedulerRoutes.Metrics);
        }

        return app;
    }

    /// <summary>Serves to the end. That it is asked to end while it starts is no error.</summary>
    public static async Task ServeAsync(this WebApplication app)
    {
        // Taken before: the application is disposed of when it has ended, and its services with it.
        CancellationToken stopping = app.Lifetime.ApplicationStopping;
        try
        {
            await app.RunAsync();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    /// <summary>The word that everybody expects, then what is wrong.</summary>
    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        IEnumerable<string> wrong = report.Entries.Where(e => e.Value.Status != HealthStatus.Healthy).Select(e => $"{e.Key}: {e.Value.Description}");
        return context.Response.WriteAsync(string.Join('\n', wrong.Prepend(report.Status.ToString())));
    }
}

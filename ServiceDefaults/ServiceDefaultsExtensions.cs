using Lockstep.Contracts.Services;
using Lockstep.ServiceDefaults.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Lockstep.ServiceDefaults;

/// <summary>What every service has alike: telemetry, health, service discovery, resilient HTTP clients, and an eye on the process that launched it.</summary>
public static class ServiceDefaultsExtensions
{
    private const string Live = "live";

    /// <summary>Meters and sources whose names begin so are exported.</summary>
    private const string OwnTelemetry = "Lockstep.*";

    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), [Live]);
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
        builder.AddTelemetry();
        if (builder.Configuration[EnvironmentNames.ParentProcess] is { Length: > 0 } parent)
        {
            builder.Services.AddHostedService(services => new ParentWatch(parent, services.GetRequiredService<IHostApplicationLifetime>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<ParentWatch>>()));
        }

        return builder;
    }

    /// <summary>/health: ready to serve; /alive: the process answers.</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapHealthChecks(SchedulerRoutes.Health).NeedsNothing();
        app.MapHealthChecks(SchedulerRoutes.Alive, new HealthCheckOptions { Predicate = check => check.Tags.Contains(Live) }).NeedsNothing();
        return app;
    }

    private static void AddTelemetry(this IHostApplicationBuilder builder)
    {
        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeFormattedMessage = true;
            logging.IncludeScopes = true;
        });
        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .WithMetrics(metrics => metrics.AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddRuntimeInstrumentation().AddMeter(OwnTelemetry))
            .WithTracing(tracing => tracing.AddSource(OwnTelemetry).AddHttpClientInstrumentation().AddAspNetCoreInstrumentation(options =>
                options.Filter = context => !context.Request.Path.StartsWithSegments(SchedulerRoutes.Health, StringComparison.Ordinal) && !context.Request.Path.StartsWithSegments(SchedulerRoutes.Alive, StringComparison.Ordinal)));
        if (!string.IsNullOrWhiteSpace(builder.Configuration[EnvironmentNames.OtlpEndpoint]))
        {
            telemetry.UseOtlpExporter();
        }
    }
}

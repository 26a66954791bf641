using Lockstep.Contracts.Services;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Lockstep.ServiceDefaults.Telemetry;

/// <summary>Metrics, traces and logs: to an OTLP endpoint where the environment names one, and metrics to whoever scrapes them.</summary>
internal static class TelemetryRegistration
{
    /// <summary>Meters and sources whose names begin so are exported.</summary>
    private const string OwnTelemetry = "Lockstep.*";

    private const string InstanceAttribute = "service.instance.id";

    /// <summary>Meters whose instruments have few sets of tags: a path, an outcome, a generation.</summary>
    private static readonly string[] FewTags = ["Lockstep.Worker", "Lockstep.ParameterServer", "System.Runtime"];

    /// <summary>Those of them that have one for each shard.</summary>
    private static readonly string[] ManyTags = ["lockstep.worker.pull.duration", "lockstep.worker.round_trip.duration"];

    /// <summary>The room for sets of tags that an instrument with few is given. By default it is 2,000, tens of megabytes in all, which every full garbage collection looks through.</summary>
    private const int FewTagSets = 50;

    /// <summary>Paths whose requests are no spans: probes and scrapes come every few seconds, a reader of the fleet stays as long as it lives, and the gRPC calls between the services have spans of their own where a step is traced.</summary>
    private static readonly PathString[] Untraced = [SchedulerRoutes.Health, SchedulerRoutes.Alive, SchedulerRoutes.Metrics, SchedulerRoutes.Fleet, "/lockstep.v1.ParameterServer", "/lockstep.v1.Scheduler"];

    /// <param name="hasHttpApi">Its HTTP requests are measured and traced.</param>
    public static void AddTelemetry(this IHostApplicationBuilder builder, bool hasHttpApi)
    {
        builder.Services.AddSingleton(StepTrace.From(builder.Configuration));
        if (IsOff(builder.Configuration))
        {
            return;
        }

        // Event ids are what logs are told apart by.
        builder.Configuration["OTEL_DOTNET_EXPERIMENTAL_OTLP_EMIT_EVENT_LOG_ATTRIBUTES"] ??= "true";
        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeFormattedMessage = true;
            logging.IncludeScopes = true;
        });
        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => Name(resource, builder))
            .WithMetrics(metrics => metrics
                .AddRuntimeInstrumentation()
                .AddMeter(OwnTelemetry)
                .AddView(static instrument => FewTags.Contains(instrument.Meter.Name) && !ManyTags.Contains(instrument.Name) ? new MetricStreamConfiguration { CardinalityLimit = FewTagSets } : null)
                .AddPrometheusExporter())
            .WithTracing(tracing => tracing.AddSource(OwnTelemetry));
        if (hasHttpApi)
        {
            telemetry
                .WithMetrics(metrics => metrics.AddAspNetCoreInstrumentation().AddHttpClientInstrumentation())
                .WithTracing(tracing => tracing.AddHttpClientInstrumentation().AddAspNetCoreInstrumentation(options => options.Filter = IsTraced));
        }

        if (!string.IsNullOrWhiteSpace(builder.Configuration[EnvironmentNames.OtlpEndpoint]))
        {
            telemetry.UseOtlpExporter();
            builder.Services.AddHostedService<LastFlush>();
        }
    }

    /// <summary>The standard's switch: nothing is measured for anybody.</summary>
    public static bool IsOff(IConfiguration configuration) => string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase);

    private static bool IsTraced(HttpContext context) => !Untraced.Any(path => context.Request.Path.StartsWithSegments(path, StringComparison.Ordinal));

    /// <summary>Launchers say who a process is; one that was started by hand still needs a name of its own.</summary>
    private static void Name(ResourceBuilder resource, IHostApplicationBuilder builder)
    {
        string attributes = builder.Configuration[EnvironmentNames.OtelResourceAttributes] ?? "";
        if (string.IsNullOrEmpty(builder.Configuration[EnvironmentNames.OtelServiceName]) && !attributes.Contains("service.name=", StringComparison.Ordinal))
        {
            resource.AddService(builder.Environment.ApplicationName, autoGenerateServiceInstanceId: false);
        }

        if (!attributes.Contains(InstanceAttribute + "=", StringComparison.Ordinal))
        {
            resource.AddAttributes([new(InstanceAttribute, $"{Environment.MachineName}-{Environment.ProcessId}")]);
        }
    }
}

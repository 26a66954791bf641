using System.Text.Json.Serialization;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Paths;
using Lockstep.Scheduler.Workers;

namespace Lockstep.Scheduler.Api;

/// <summary>The HTTP API: its limits, its errors, its document, its endpoints.</summary>
internal static class SchedulerApi
{
    /// <exception cref="Contracts.InputException">The configuration cannot be.</exception>
    public static void AddSchedulerApi(this WebApplicationBuilder builder)
    {
        ApiLimits limits = ApiLimits.From(builder.Configuration);
        builder.Services.AddSingleton(limits);
        builder.Services.AddSingleton(AllowedPaths.From(builder.Configuration));
        builder.Services.AddSingleton<JobRules>();
        builder.Services.AddSingleton<Intake>();
        builder.Services.AddRateLimits(limits);
        builder.Services.AddApiErrors(limits);
        builder.Services.AddApiDocument();
        // A number is a number: "2" is a mistake of whoever wrote the request.
        builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.NumberHandling = JsonNumberHandling.Strict);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = limits.MaxBodyBytes);
    }

    /// <summary>What comes before access is looked at: guesses at the key are limited too.</summary>
    public static void UseSchedulerApi(this WebApplication app)
    {
        app.UseApiErrors(app.Services.GetRequiredService<ApiLimits>());
        app.UseRateLimiter();
    }

    public static void MapSchedulerApi(this WebApplication app)
    {
        app.MapApiDocument();
        RouteGroupBuilder api = app.MapGroup("").AddEndpointFilter<ReadyFilter>().WithTags("Scheduler").ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status429TooManyRequests).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        api.MapJobs();
        api.MapWorkers();
        api.MapFleet();
    }
}

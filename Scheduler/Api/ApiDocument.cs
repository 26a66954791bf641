using Lockstep.Contracts.Services;
using Lockstep.ServiceDefaults.Access;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Lockstep.Scheduler.Api;

/// <summary>The OpenAPI document of the HTTP API.</summary>
internal static class ApiDocument
{
    private const string Scheme = "ApiKey";

    /// <summary>The document, and a page over it that takes the key. Both say what anybody may read, and nothing of jobs and workers.</summary>
    public static void MapApiDocument(this IEndpointRouteBuilder app)
    {
        app.MapOpenApi().NeedsNothing();
        app.MapScalarApiReference(SchedulerRoutes.ApiPage, options => options
            .WithTitle("Lockstep scheduler")
            .WithOpenApiRoutePattern(SchedulerRoutes.OpenApi)
            .AddPreferredSecuritySchemes(Scheme)
            .DisableDefaultFonts()
            .DisableTelemetry()).NeedsNothing();
    }

    public static void AddApiDocument(this IServiceCollection services) => services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
    {
        document.Info = new OpenApiInfo { Title = "Lockstep scheduler", Version = "v1", Description = "Jobs and workers of one fleet. Errors are ProblemDetails (RFC 9457)." };
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal);
        document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.ApiKey,
            In = ParameterLocation.Header,
            Name = SchedulerHeaders.ApiKey,
            Description = $"The scheduler's {EnvironmentNames.ApiKey}. Programs on its own machine need none where none is configured.",
        };
        document.Security ??= [];
        document.Security.Add(new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] });
        return Task.CompletedTask;
    }));
}

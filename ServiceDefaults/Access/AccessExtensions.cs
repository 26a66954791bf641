using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.ServiceDefaults.Access;

/// <summary>Who may call a service: see <see cref="AccessRule"/>.</summary>
public static partial class AccessExtensions
{
    /// <exception cref="InputException">The key or the secret in the environment cannot be used.</exception>
    public static TBuilder AddAccessControl<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.Services.AddSingleton(AccessKeys.From(builder.Configuration));
        builder.Services.AddProblemDetails();
        return builder;
    }

    /// <summary>From here on requests are let through only as their endpoint's rule says; says at the start what is open to whom.</summary>
    public static WebApplication UseAccessControl(this WebApplication app)
    {
        app.UseMiddleware<AccessMiddleware>();
        app.Lifetime.ApplicationStarted.Register(() => Tell(
            app.Services.GetRequiredService<AccessKeys>(),
            app.Services.GetRequiredService<EndpointDataSource>().Endpoints.Select(e => e.Metadata.GetMetadata<AccessRule>()?.Need ?? AccessNeed.ApiKey).ToHashSet(),
            app.Logger));
        return app;
    }

    /// <summary>The endpoint is for services: callers show the secret.</summary>
    public static TBuilder NeedsSecret<TBuilder>(this TBuilder endpoint) where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new AccessRule(AccessNeed.Secret));

    /// <summary>The endpoint is for everybody.</summary>
    public static TBuilder NeedsNothing<TBuilder>(this TBuilder endpoint) where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new AccessRule(AccessNeed.Nothing));

    private static void Tell(AccessKeys keys, HashSet<AccessNeed> needs, ILogger logger)
    {
        if (!keys.HasApiKey && needs.Contains(AccessNeed.ApiKey))
        {
            LogOpenToLoopback(logger, "API key", "HTTP", EnvironmentNames.ApiKey);
        }

        if (!keys.HasSecret && needs.Contains(AccessNeed.Secret))
        {
            LogOpenToLoopback(logger, "shared secret", "gRPC", EnvironmentNames.Secret);
        }
    }

    [LoggerMessage(910, LogLevel.Information, "There is no {Kind}: {Protocol} is open to every program on this machine, and to nobody else. Set {Name} to change that")]
    private static partial void LogOpenToLoopback(ILogger logger, string kind, string protocol, string name);
}

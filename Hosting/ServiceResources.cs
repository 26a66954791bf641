using System.Globalization;
using Lockstep.Contracts.Services;

namespace Lockstep.Hosting;

/// <summary>What all services of a fleet have alike.</summary>
internal static class ServiceResources
{
    /// <summary>The services end when the application host is gone, however it ended.</summary>
    public static string ThisProcess { get; } = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    /// <summary>Adds a secret that is made once: in run mode it is kept in the user's secrets, published it is made where the application is deployed.</summary>
    public static IResourceBuilder<ParameterResource> AddGeneratedSecret(this IDistributedApplicationBuilder builder, string name) =>
        builder.AddParameter(name, new GenerateParameterDefault { MinLength = 32, Special = false }, secret: true, persist: true);

    /// <summary>Gives a service the secret of its fleet, and its probes.</summary>
    public static IResourceBuilder<T> WithSecretAndProbes<T>(this IResourceBuilder<T> service, IResourceBuilder<ParameterResource> secret) where T : IResourceWithEndpoints, IResourceWithEnvironment, IResourceWithProbes
    {
        if (service.Resource.GetEndpoints().Any(endpoint => endpoint.EndpointName == EndpointNames.Grpc))
        {
            // Nothing for a browser.
            service.WithUrlForEndpoint(EndpointNames.Grpc, url => url.DisplayLocation = UrlDisplayLocation.DetailsOnly);
        }

        return service
            .WithEnvironment(EnvironmentNames.Secret, secret)
            // Each probe is a health check too: the resource is healthy when it is ready and alive.
            .WithHttpProbe(ProbeType.Readiness, SchedulerRoutes.Health, endpointName: EndpointNames.Http)
            .WithHttpProbe(ProbeType.Liveness, SchedulerRoutes.Alive, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6, endpointName: EndpointNames.Http);
    }
}

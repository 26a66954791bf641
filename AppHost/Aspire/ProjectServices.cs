using System.Globalization;
using Lockstep.Contracts.Services;
using Lockstep.Hosting;

namespace Lockstep.AppHost;

/// <summary>What the services have alike that are projects of this repository.</summary>
internal static class ProjectServices
{
    /// <summary>Shows the number of parameter servers; it is read when the application starts.</summary>
    public static void AddShardsParameter(this IDistributedApplicationBuilder builder, int shards) =>
        builder.AddParameter(AppHostOptions.ShardsKey, shards.ToString(CultureInfo.InvariantCulture), publishValueAsDefault: true)
            .WithDescription($"Parameter servers. Set it with --{AppHostOptions.ShardsKey}; a change needs a start.");

    /// <summary>Gives a service its secret, its probes, and endpoints whose ports do not collide with those of its like.</summary>
    /// <param name="assembly">Started in place of the project's; null: the project's.</param>
    public static IResourceBuilder<ProjectResource> AsLockstepService(this IResourceBuilder<ProjectResource> service, IResourceBuilder<ParameterResource> secret, string? assembly = null)
    {
        service.WithoutImplicitHttps();
        if (service.ApplicationBuilder.ExecutionContext.IsRunMode)
        {
            service.WithoutProxies().StartedAsBuilt(assembly).WithEnvironment(EnvironmentNames.ParentProcess, ServiceResources.ThisProcess);
        }

        return service.WithSecretAndProbes(secret);
    }

    /// <summary>Tells the scheduler which files submitted jobs may name: here those of the repository, unless the environment says otherwise, published those in the volume of the services.</summary>
    public static IResourceBuilder<ProjectResource> WithJobPaths(this IResourceBuilder<ProjectResource> scheduler)
    {
        IDistributedApplicationBuilder builder = scheduler.ApplicationBuilder;
        if (!builder.ExecutionContext.IsRunMode)
        {
            return scheduler.WithEnvironment(EnvironmentNames.DataRoots, PublishTarget.DataPath).WithEnvironment(EnvironmentNames.RunsRoot, PublishTarget.DataPath + "/runs");
        }

        string root = Path.GetFullPath(Path.Combine(builder.AppHostDirectory, ".."));
        return scheduler
            .WithEnvironment(EnvironmentNames.DataRoots, builder.Configuration[EnvironmentNames.DataRoots] ?? root)
            .WithEnvironment(EnvironmentNames.RunsRoot, builder.Configuration[EnvironmentNames.RunsRoot] ?? Path.Combine(root, "runs"));
    }

    /// <summary>The API is for callers from outside of the application; in run mode at a port that people know.</summary>
    /// <param name="port">0: any free one.</param>
    public static IResourceBuilder<ProjectResource> WithApiEndpoint(this IResourceBuilder<ProjectResource> scheduler, int port) =>
        scheduler.WithEndpoint(EndpointNames.Http, endpoint =>
        {
            endpoint.IsExternal = true;
            if (scheduler.ApplicationBuilder.ExecutionContext.IsRunMode && port > 0)
            {
                endpoint.Port = port;
            }
        }, createIfNotExists: false);

    /// <summary>Tells a service where all parameter servers are.</summary>
    public static IResourceBuilder<ProjectResource> WithShards(this IResourceBuilder<ProjectResource> service, IEnumerable<IResourceBuilder<ProjectResource>> shards)
    {
        foreach (IResourceBuilder<ProjectResource> shard in shards)
        {
            service.WithReference(shard.GetEndpoint(EndpointNames.Grpc)).WaitFor(shard);
        }

        return service;
    }

    /// <summary>The ports in a service's settings are for one process; several on this machine get what is free. Callers reach it there and not through a proxy: each resource is one process.</summary>
    private static IResourceBuilder<ProjectResource> WithoutProxies(this IResourceBuilder<ProjectResource> service)
    {
        foreach (EndpointAnnotation endpoint in service.Resource.Annotations.OfType<EndpointAnnotation>())
        {
            (endpoint.Port, endpoint.IsProxied) = (null, false);
        }

        return service;
    }

    /// <summary>Published projects with endpoints in their settings get an https endpoint on the port of the first one, where nobody speaks TLS.</summary>
    private static void WithoutImplicitHttps(this IResourceBuilder<ProjectResource> service)
    {
        foreach (EndpointAnnotation endpoint in service.Resource.Annotations.OfType<EndpointAnnotation>().Where(e => e.UriScheme == "https").ToArray())
        {
            service.Resource.Annotations.Remove(endpoint);
        }
    }
}

using System.Globalization;
using Lockstep.Contracts.Services;

namespace Lockstep.Hosting;

/// <summary>The services of a <see cref="LockstepResource"/>, as they are added one by one.</summary>
internal abstract class LockstepFleet(IDistributedApplicationBuilder builder, string name, IResourceBuilder<ParameterResource> secret)
{
    private readonly List<EndpointReference> _shards = [];

    /// <value>Where its API is.</value>
    public EndpointReference? Api { get; private set; }

    public int Shards => _shards.Count;

    protected IDistributedApplicationBuilder Builder => builder;

    protected string Name => name;

    /// <summary>Adds the scheduler.</summary>
    public abstract void PlanScheduler(IResourceBuilder<ParameterResource> apiKey, int mostWorkers);

    /// <summary>Adds a parameter server.</summary>
    public abstract void PlanShard();

    /// <summary>Adds workers of a program of the application's own.</summary>
    public abstract void PlanWorkers<TProject>(int min, int max) where TProject : IProjectMetadata, new();

    /// <summary>What every scheduler is told.</summary>
    protected IResourceBuilder<T> AsScheduler<T>(IResourceBuilder<T> scheduler, IResourceBuilder<ParameterResource> apiKey, int mostWorkers, ReferenceExpression redis) where T : IResourceWithEndpoints, IResourceWithEnvironment
    {
        Api = scheduler.GetEndpoint(EndpointNames.Http);
        return scheduler
            .WithEnvironment(EnvironmentNames.ApiKey, apiKey)
            .WithEnvironment(EnvironmentNames.MaximumWorkers, mostWorkers.ToString(CultureInfo.InvariantCulture))
            .WithEnvironment(EnvironmentNames.RedisConnection, redis)
            .WithEnvironment(TellShards)
            .WithUrlForEndpoint(EndpointNames.Http, url => (url.DisplayText, url.Url) = ("Scheduler API", SchedulerRoutes.ApiPage));
    }

    /// <summary>What every parameter server is told.</summary>
    protected IResourceBuilder<T> AsShard<T>(IResourceBuilder<T> shard) where T : IResourceWithEndpoints, IResourceWithEnvironment
    {
        shard.WithEnvironment(EnvironmentNames.ShardIndex, _shards.Count.ToString(CultureInfo.InvariantCulture));
        _shards.Add(shard.GetEndpoint(EndpointNames.Grpc));
        return shard.WithEnvironment(TellShards).WithUrlForEndpoint(EndpointNames.Http, url => url.DisplayText = "Jobs on this shard");
    }

    /// <summary>What every worker is told.</summary>
    protected IResourceBuilder<T> AsWorker<T>(IResourceBuilder<T> worker) where T : IResourceWithEndpoints, IResourceWithEnvironment => worker
        .WithEnvironment(EnvironmentNames.SchedulerHttp, Api!)
        .WithEnvironment(EnvironmentNames.SchedulerGrpc, new EndpointReference(Api!.Resource, EndpointNames.Grpc))
        .WithEnvironment(TellShards)
        .WithUrlForEndpoint(EndpointNames.Http, url => (url.DisplayText, url.Url) = ("Health", SchedulerRoutes.Health));

    /// <summary>Gives a service its endpoints, and the secret and the probes that all have.</summary>
    /// <param name="address">That it listens at.</param>
    /// <param name="ports">Of each endpoint; null: any that is free.</param>
    protected IResourceBuilder<T> AsService<T>(IResourceBuilder<T> service, string address, params (string Endpoint, int? Port)[] ports) where T : IResourceWithEndpoints, IResourceWithEnvironment, IResourceWithProbes
    {
        foreach ((string endpoint, int? port) in ports)
        {
            service.WithEndpoint(name: endpoint, scheme: "http", targetPort: port, isProxied: port is not null);
            EndpointReference reference = service.GetEndpoint(endpoint);
            service.WithEnvironment($"Kestrel__Endpoints__{endpoint}__Url", ReferenceExpression.Create($"http://{address}:{reference.Property(EndpointProperty.TargetPort)}"));
            // Without TLS the protocol cannot be negotiated.
            service.WithEnvironment($"Kestrel__Endpoints__{endpoint}__Protocols", endpoint == EndpointNames.Grpc ? "Http2" : "Http1");
        }

        return service.WithSecretAndProbes(secret);
    }

    /// <summary>Where all parameter servers are, however many are added later.</summary>
    private void TellShards(EnvironmentCallbackContext context)
    {
        foreach ((int index, EndpointReference shard) in _shards.Index())
        {
            context.EnvironmentVariables[EnvironmentNames.ShardGrpc(index)] = shard;
        }
    }
}

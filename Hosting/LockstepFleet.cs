using System.Globalization;
using Lockstep.Contracts.Services;

namespace Lockstep.Hosting;

/// <summary>The processes of a <see cref="LockstepResource"/>, as they are added one by one.</summary>
internal sealed class LockstepFleet(IDistributedApplicationBuilder builder, string name, LockstepPrograms programs, IResourceBuilder<ParameterResource> secret, IResourceBuilder<GarnetProcess> redis)
{
    private readonly List<IResourceBuilder<ExecutableResource>> _shards = [];

    public IResourceBuilder<ExecutableResource>? Scheduler { get; private set; }

    public IReadOnlyList<IResourceBuilder<ExecutableResource>> Shards => _shards;

    /// <value>What must be there before a job is submitted.</value>
    public IResourceBuilder<ParameterResource> Secret => secret;

    public void PlanScheduler(IResourceBuilder<ParameterResource> apiKey, int mostWorkers)
    {
        string root = builder.AppHostDirectory;
        Scheduler = Service($"{name}-scheduler", programs.Scheduler, EndpointNames.Http, EndpointNames.Grpc)
            .WithEnvironment(EnvironmentNames.ApiKey, apiKey)
            .WithEnvironment(EnvironmentNames.MaximumWorkers, mostWorkers.ToString(CultureInfo.InvariantCulture))
            .WithEnvironment(EnvironmentNames.DataRoots, builder.Configuration[EnvironmentNames.DataRoots] ?? root)
            .WithEnvironment(EnvironmentNames.RunsRoot, builder.Configuration[EnvironmentNames.RunsRoot] ?? Path.Combine(root, "runs"))
            .WithEnvironment(EnvironmentNames.RedisConnection, redis).WaitFor(redis)
            .WithEnvironment(TellShards)
            .WithUrlForEndpoint(EndpointNames.Http, url => (url.DisplayText, url.Url) = ("Scheduler API", SchedulerRoutes.ApiPage));
    }

    public void PlanShard()
    {
        int index = _shards.Count;
        _shards.Add(Service($"{name}-ps-{index}", programs.ParameterServer, EndpointNames.Http, EndpointNames.Grpc)
            .WithEnvironment(EnvironmentNames.ShardIndex, index.ToString(CultureInfo.InvariantCulture))
            .WithEnvironment(TellShards)
            .WithUrlForEndpoint(EndpointNames.Http, url => url.DisplayText = "Jobs on this shard"));
        Scheduler?.WaitFor(_shards[^1]);
    }

    /// <summary>One worker, of a program of the application's own.</summary>
    public IResourceBuilder<ProjectResource> Worker<TProject>(int index) where TProject : IProjectMetadata, new()
    {
        string worker = $"{name}-worker-{index}";
        string assembly = WorkerProgram.Find(new TProject().ProjectPath, $"WithWorkers<{typeof(TProject).Name}>");
        IResourceBuilder<ProjectResource> resource = builder.AddProject<TProject>(worker, options => (options.ExcludeLaunchProfile, options.ExcludeKestrelEndpoints) = (true, true))
            // As it was built: a dotnet run for each would cost seconds and 200 MB.
            .WithAnnotation(new ExecutableAnnotation { Command = DotnetHost.Command, WorkingDirectory = Path.GetDirectoryName(assembly)! })
            .WithArgs(assembly);
        return AsService(resource, EndpointNames.Http)
            .WithEnvironment(EnvironmentNames.WorkerId, worker)
            .WithEnvironment(EnvironmentNames.SchedulerHttp, Scheduler!.GetEndpoint(EndpointNames.Http))
            .WithEnvironment(EnvironmentNames.SchedulerGrpc, Scheduler!.GetEndpoint(EndpointNames.Grpc))
            .WithEnvironment(TellShards)
            .WaitFor(Scheduler!)
            .WithDrain()
            .WithUrlForEndpoint(EndpointNames.Http, url => (url.DisplayText, url.Url) = ("Health", SchedulerRoutes.Health));
    }

    private IResourceBuilder<ExecutableResource> Service(string resource, string assembly, params string[] endpoints) =>
        AsService(builder.AddExecutable(resource, DotnetHost.Command, Path.GetDirectoryName(assembly)!, assembly), endpoints).WithOtlpExporter();

    private IResourceBuilder<T> AsService<T>(IResourceBuilder<T> service, params string[] endpoints) where T : IResourceWithEndpoints, IResourceWithEnvironment, IResourceWithProbes
    {
        foreach (string endpoint in endpoints)
        {
            service.WithEndpoint(name: endpoint, scheme: "http", isProxied: false);
            EndpointReference reference = service.GetEndpoint(endpoint);
            service.WithEnvironment($"Kestrel__Endpoints__{endpoint}__Url", ReferenceExpression.Create($"http://127.0.0.1:{reference.Property(EndpointProperty.TargetPort)}"));
            // Without TLS the protocol cannot be negotiated.
            service.WithEnvironment($"Kestrel__Endpoints__{endpoint}__Protocols", endpoint == EndpointNames.Grpc ? "Http2" : "Http1");
        }

        return service.WithEnvironment(EnvironmentNames.ParentProcess, ServiceResources.ThisProcess).WithSecretAndProbes(secret);
    }

    /// <summary>Where all parameter servers are, however many are added later.</summary>
    private void TellShards(EnvironmentCallbackContext context)
    {
        foreach ((int index, IResourceBuilder<ExecutableResource> shard) in _shards.Index())
        {
            context.EnvironmentVariables[EnvironmentNames.ShardGrpc(index)] = shard.GetEndpoint(EndpointNames.Grpc);
        }
    }
}

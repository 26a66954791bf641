using Lockstep.Contracts.Services;

namespace Lockstep.Hosting;

/// <summary>Services as containers of images that were named: what is published.</summary>
internal sealed class ImageFleet : LockstepFleet
{
    private const int HttpPort = 8080;
    private const int GrpcPort = 8081;
    private const string Data = "/data";

    private readonly LockstepImages _images;
    private readonly IResourceBuilder<RedisResource> _redis;

    public ImageFleet(IDistributedApplicationBuilder builder, string name, LockstepImages images, IResourceBuilder<ParameterResource> secret) : base(builder, name, secret)
    {
        _images = images;
        _redis = builder.AddRedis($"{name}-redis").WithDataVolume($"{name}-redis").WithPersistence();
    }

    public override void PlanScheduler(IResourceBuilder<ParameterResource> apiKey, int mostWorkers) =>
        AsScheduler(Service($"{Name}-scheduler", _images.Scheduler), apiKey, mostWorkers, _redis.Resource.ConnectionStringExpression)
            .WithEnvironment(EnvironmentNames.DataRoots, Builder.Configuration[EnvironmentNames.DataRoots] ?? Data)
            .WithEnvironment(EnvironmentNames.RunsRoot, $"{Data}/runs")
            .WaitFor(_redis);

    public override void PlanShard() => AsShard(Service($"{Name}-ps-{Shards}", _images.ParameterServer));

    public override void PlanWorkers<TProject>(int min, int max)
    {
        IResourceBuilder<ProjectResource> worker = Builder.AddProject<TProject>($"{Name}-worker", options => (options.ExcludeLaunchProfile, options.ExcludeKestrelEndpoints) = (true, true));
        AsWorker(AsService(worker, "0.0.0.0", (EndpointNames.Http, HttpPort))).WithReplicas(Math.Max(1, min));
    }

    private IResourceBuilder<ContainerResource> Service(string resource, string image) =>
        AsService(Builder.AddContainer(resource, image), "0.0.0.0", (EndpointNames.Http, HttpPort), (EndpointNames.Grpc, GrpcPort))
            // Checkpoints are written by the parameter servers, and runs are read by the scheduler.
            .WithVolume($"{Name}-data", Data)
            .WithOtlpExporter();
}

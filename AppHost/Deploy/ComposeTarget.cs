using Lockstep.Hosting;
using System.Globalization;
using Aspire.Hosting.Docker.Resources.ComposeNodes;
using Aspire.Hosting.Docker.Resources.ServiceNodes.Swarm;

namespace Lockstep.AppHost;

/// <summary>Docker compose: it does not scale by itself, so there are as many workers as the minimum says, or <c>docker compose up --scale worker=N</c>.</summary>
internal sealed class ComposeTarget : PublishTarget
{
    private readonly AppHostOptions _options;

    public ComposeTarget(IDistributedApplicationBuilder builder, AppHostOptions options)
    {
        _options = options;
        builder.AddDockerComposeEnvironment("compose");
    }

    public override void PublishScheduler(IResourceBuilder<ProjectResource> scheduler) =>
        // The same port on the host as in the container: otherwise compose takes any.
        Publish(scheduler.WithEndpoint(EndpointNames.Http, endpoint => endpoint.Port = endpoint.TargetPort, createIfNotExists: false), _ => { });

    public override void PublishShard(IResourceBuilder<ProjectResource> shard) => Publish(shard, _ => { });

    public override void PublishWorker(IResourceBuilder<ProjectResource> worker, RedisBackend redis) =>
        // Compose knows nothing of Aspire's replicas: they are set here.
        Publish(worker, service => service.Deploy = new Deploy { Replicas = Math.Max(1, _options.MinWorkers) });

    private static void Publish(IResourceBuilder<ProjectResource> resource, Action<Service> configure) => resource
        .WithAnnotation(new ContainerMountAnnotation(DataVolume, DataPath, ContainerMountType.Volume, isReadOnly: false))
        .PublishAsDockerComposeService((_, service) =>
        {
            // A new named volume belongs to root, and the user of .NET's images could not write in it.
            service.User = "root";
            service.Restart = "unless-stopped";
            service.StopGracePeriod = string.Create(CultureInfo.InvariantCulture, $"{DrainSeconds}s");
            configure(service);
        });
}

namespace Lockstep.AppHost;

/// <summary>How the services are published on a platform. In run mode nothing of it applies.</summary>
internal abstract class PublishTarget
{
    /// <summary>Volume for run folders, checkpoints and data, the same for all services; where it is mounted.</summary>
    public const string DataVolume = "lockstep-data";
    public const string DataPath = "/data";

    /// <summary>A worker that is asked to end finishes its step and hands its slots back.</summary>
    public const int DrainSeconds = 120;

    /// <summary>Adds the platform's environment when the application is published.</summary>
    public static PublishTarget Add(IDistributedApplicationBuilder builder, AppHostOptions options)
    {
        if (builder.ExecutionContext.IsRunMode)
        {
            return new RunMode();
        }

        return options.Platform switch
        {
            PublishPlatform.ContainerApps => new ContainerAppsTarget(builder, options),
            PublishPlatform.Kubernetes => new KubernetesTarget(builder, options),
            PublishPlatform.Compose => new ComposeTarget(builder, options),
            _ => throw new ArgumentOutOfRangeException(nameof(options), options.Platform, null),
        };
    }

    public virtual void PublishRedis(RedisBackend redis)
    {
        // A volume of the container is all that most platforms need.
    }

    public abstract void PublishScheduler(IResourceBuilder<ProjectResource> scheduler);

    public abstract void PublishShard(IResourceBuilder<ProjectResource> shard);

    /// <summary>One worker that the platform multiplies, between the minimum and the maximum where it scales.</summary>
    public abstract void PublishWorker(IResourceBuilder<ProjectResource> worker, RedisBackend redis);

    private sealed class RunMode : PublishTarget
    {
        public override void PublishScheduler(IResourceBuilder<ProjectResource> scheduler)
        {
            // Run from source: there is nothing to publish.
        }

        public override void PublishShard(IResourceBuilder<ProjectResource> shard)
        {
            // Likewise.
        }

        public override void PublishWorker(IResourceBuilder<ProjectResource> worker, RedisBackend redis) => throw new InvalidOperationException("In run mode each worker is a resource of its own.");
    }
}

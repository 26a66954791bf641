namespace Lockstep.AppHost;

/// <summary>How the services are published on a platform. In run mode, and for the manifest alone, nothing of it applies.</summary>
internal abstract class PublishTarget
{
    /// <summary>Volume for run folders, checkpoints and data, the same for all services; where it is mounted.</summary>
    public const string DataVolume = "lockstep-data";
    public const string DataPath = "/data";

    /// <summary>A worker that is asked to end finishes its step and hands its slots back.</summary>
    public const int DrainSeconds = 120;

    /// <value>Adds the platform's environment and gives its target; null: this build is without the packages for deployment, and only the manifest can be published.</value>
    public static Func<IDistributedApplicationBuilder, AppHostOptions, PublishTarget>? Platforms { get; set; }

    /// <summary>Adds the platform's environment when the application is published for one.</summary>
    public static PublishTarget Add(IDistributedApplicationBuilder builder, AppHostOptions options) =>
        builder.ExecutionContext.IsPublishMode && !options.IsManifestOnly && Platforms is { } add ? add(builder, options) : new NoPlatform();

    public virtual void PublishRedis(RedisBackend redis)
    {
        // A volume of the container is all that most platforms need.
    }

    public abstract void PublishScheduler(IResourceBuilder<ProjectResource> scheduler);

    public abstract void PublishShard(IResourceBuilder<ProjectResource> shard);

    /// <summary>One worker that the platform multiplies, between the minimum and the maximum where it scales.</summary>
    public abstract void PublishWorker(IResourceBuilder<ProjectResource> worker, RedisBackend redis);

    private sealed class NoPlatform : PublishTarget
    {
        public override void PublishScheduler(IResourceBuilder<ProjectResource> scheduler)
        {
            // It is as it stands in the model.
        }

        public override void PublishShard(IResourceBuilder<ProjectResource> shard)
        {
            // Likewise.
        }

        public override void PublishWorker(IResourceBuilder<ProjectResource> worker, RedisBackend redis)
        {
            // Likewise.
        }
    }
}

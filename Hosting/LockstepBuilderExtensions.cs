using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Hosting;

/// <summary>Adds training to an application.</summary>
public static class LockstepBuilderExtensions
{
    private const int MostShards = 64;
    private const int MostWorkers = 64;

    /// <summary>Adds a scheduler, a parameter server and a Redis-compatible server, as processes of this machine. To be published, the application names images for them: see the overload.</summary>
    /// <param name="builder">The application's.</param>
    /// <param name="name">Of the resource, and of the connection that <c>WithReference</c> gives other services.</param>
    /// <returns>For workers, shards and jobs.</returns>
    /// <exception cref="DistributedApplicationException">The application is published, has training already, or the package's files are missing.</exception>
    public static IResourceBuilder<LockstepResource> AddLockstep(this IDistributedApplicationBuilder builder, [ResourceName] string name) => builder.Add(name, null);

    /// <summary>As the other; where the application is published, the services are containers of these images, and Redis is one of its own.</summary>
    /// <param name="builder">The application's.</param>
    /// <param name="name">Of the resource, and of the connection that <c>WithReference</c> gives other services.</param>
    /// <param name="images">Of the services.</param>
    /// <returns>For workers, shards and jobs.</returns>
    /// <exception cref="DistributedApplicationException">The application has training already, an image has no name, or the package's files are missing.</exception>
    public static IResourceBuilder<LockstepResource> AddLockstep(this IDistributedApplicationBuilder builder, [ResourceName] string name, LockstepImages images) => builder.Add(name, images);

    /// <summary>Sets the number of parameter servers, 1 where it is not called: what a model's state is divided among.</summary>
    /// <param name="training">Of <see cref="AddLockstep"/>.</param>
    /// <param name="count">1 to 64.</param>
    /// <exception cref="ArgumentOutOfRangeException">So many cannot be, or there are more already.</exception>
    public static IResourceBuilder<LockstepResource> WithShards(this IResourceBuilder<LockstepResource> training, int count)
    {
        LockstepFleet fleet = training.Resource.Fleet!;
        ArgumentOutOfRangeException.ThrowIfLessThan(count, fleet.Shards);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostShards);
        while (fleet.Shards < count)
        {
            fleet.PlanShard();
        }

        return training;
    }

    /// <summary>Adds workers of a program of the application's own. As many run as the jobs want; published, the least number, which the platform may raise.</summary>
    /// <typeparam name="TProject">Of a program that <c>LockstepWorker</c> of Lockstep.Worker makes.</typeparam>
    /// <param name="training">Of <see cref="AddLockstep"/>.</param>
    /// <param name="min">Workers that are kept when there is nothing to do.</param>
    /// <param name="max">The most workers, up to 64.</param>
    /// <exception cref="ArgumentOutOfRangeException">Such numbers cannot be.</exception>
    /// <exception cref="Contracts.InputException">The program was not built.</exception>
    public static IResourceBuilder<LockstepResource> WithWorkers<TProject>(this IResourceBuilder<LockstepResource> training, int min, int max) where TProject : IProjectMetadata, new()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(min);
        ArgumentOutOfRangeException.ThrowIfLessThan(max, Math.Max(1, min));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(max, MostWorkers);
        training.Resource.Fleet!.PlanWorkers<TProject>(min, max);
        return training;
    }

    /// <summary>Submits a job when the scheduler is up, each time that the application starts on this machine; what is published gets its jobs by the API. It is shown as a resource below the scheduler, with its state, its progress and commands.</summary>
    /// <param name="training">Of <see cref="AddLockstep"/>.</param>
    /// <param name="name">The job's, in the dashboard; the time is added.</param>
    /// <param name="path">Of its file, from the application host's folder.</param>
    /// <exception cref="Contracts.InputException">The file cannot be read, or something in it is wrong.</exception>
    public static IResourceBuilder<LockstepResource> AddJob(this IResourceBuilder<LockstepResource> training, string name, string path)
    {
        IDistributedApplicationBuilder builder = training.ApplicationBuilder;
        Contracts.Jobs.JobSpec job = Contracts.Jobs.JobFile.Load(Path.GetFullPath(path, builder.AppHostDirectory), []);
        if (!builder.ExecutionContext.IsPublishMode)
        {
            builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<JobSubmission>(services, new SubmittedJob(name, job)));
        }

        return training;
    }

    private static IResourceBuilder<LockstepResource> Add(this IDistributedApplicationBuilder builder, string name, LockstepImages? images)
    {
        bool publishes = builder.ExecutionContext.IsPublishMode;
        if (publishes && (string.IsNullOrWhiteSpace(images?.Scheduler) || string.IsNullOrWhiteSpace(images.ParameterServer)))
        {
            throw new DistributedApplicationException($"'{name}' cannot be published: {(images is null ? "no images are named for its services" : $"no image is named for its {(string.IsNullOrWhiteSpace(images.Scheduler) ? "scheduler" : "parameter servers")}")}, and their files are those of this machine. Name them by {nameof(AddLockstep)}(\"{name}\", new {nameof(LockstepImages)}(…)).");
        }

        if (builder.Resources.OfType<LockstepResource>().FirstOrDefault() is { } other)
        {
            throw new DistributedApplicationException($"The application has training already, '{other.Name}'. Add jobs to that: one scheduler takes any number of them.");
        }

        IResourceBuilder<ParameterResource> apiKey = builder.AddGeneratedSecret($"{name}-api-key");
        IResourceBuilder<ParameterResource> secret = builder.AddGeneratedSecret($"{name}-secret");
        LockstepFleet fleet = publishes ? new ImageFleet(builder, name, images!, secret) : new ProcessFleet(builder, name, LockstepPrograms.Find(builder), secret);
        fleet.PlanScheduler(apiKey, MostWorkers);
        fleet.PlanShard();
        var resource = new LockstepResource(name, fleet.Api!, apiKey.Resource) { Fleet = fleet };
        return builder.AddResource(resource).WithInitialState(new CustomResourceSnapshot { ResourceType = "Lockstep", State = KnownResourceStates.Running, Properties = [] });
    }
}

using System.Globalization;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Hosting;

/// <summary>Adds training to an application.</summary>
public static class LockstepBuilderExtensions
{
    private const int MostShards = 64;
    private const int MostWorkers = 64;

    /// <summary>Adds a scheduler, a parameter server and a Redis-compatible server, as processes of this machine.</summary>
    /// <param name="builder">The application's.</param>
    /// <param name="name">Of the resource, and of the connection that <c>WithReference</c> gives other services.</param>
    /// <returns>For workers, shards and jobs.</returns>
    /// <exception cref="DistributedApplicationException">The application is published, has training already, or the package's files are missing.</exception>
    public static IResourceBuilder<LockstepResource> AddLockstep(this IDistributedApplicationBuilder builder, [ResourceName] string name)
    {
        if (builder.ExecutionContext.IsPublishMode)
        {
            throw new DistributedApplicationException($"'{name}' cannot be published: its scheduler, parameter servers and Redis server are files of a package and processes of one machine. Publish the application without it, or the services as projects of their own.");
        }

        if (builder.Resources.OfType<LockstepResource>().FirstOrDefault() is { } other)
        {
            throw new DistributedApplicationException($"The application has training already, '{other.Name}'. Add jobs to that: one scheduler takes any number of them.");
        }

        LockstepPrograms programs = LockstepPrograms.Find(builder);
        IResourceBuilder<ParameterResource> apiKey = builder.AddGeneratedSecret($"{name}-api-key");
        IResourceBuilder<ParameterResource> secret = builder.AddGeneratedSecret($"{name}-secret");
        var fleet = new LockstepFleet(builder, name, programs, secret, GarnetProcess.Add(builder, $"{name}-redis", programs.Command));
        fleet.PlanScheduler(apiKey, MostWorkers);
        fleet.PlanShard();
        var resource = new LockstepResource(name, fleet.Scheduler!.GetEndpoint(EndpointNames.Http), apiKey.Resource) { Fleet = fleet };
        fleet.Scheduler!.WithSchedulerCommands(MostWorkers, builder.AppHostDirectory, samples: []);
        builder.AddFleetWatch(fleet.Scheduler!, apiKey);
        return builder.AddResource(resource).WithInitialState(new CustomResourceSnapshot { ResourceType = "Lockstep", State = KnownResourceStates.Running, Properties = [] });
    }

    /// <summary>Sets the number of parameter servers, 1 where it is not called: what a model's state is divided among.</summary>
    /// <param name="training">Of <see cref="AddLockstep"/>.</param>
    /// <param name="count">1 to 64.</param>
    /// <exception cref="ArgumentOutOfRangeException">So many cannot be, or there are more already.</exception>
    public static IResourceBuilder<LockstepResource> WithShards(this IResourceBuilder<LockstepResource> training, int count)
    {
        LockstepFleet fleet = training.Resource.Fleet!;
        ArgumentOutOfRangeException.ThrowIfLessThan(count, fleet.Shards.Count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostShards);
        while (fleet.Shards.Count < count)
        {
            fleet.PlanShard();
        }

        return training;
    }

    /// <summary>Adds workers of a program of the application's own. As many run as the jobs want.</summary>
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
        LockstepFleet fleet = training.Resource.Fleet!;
        IResourceBuilder<ProjectResource>[] workers = [.. Enumerable.Range(0, max).Select(index => fleet.Worker<TProject>(index).WithParentRelationship(fleet.Scheduler!))];
        foreach (IResourceBuilder<ProjectResource> worker in workers[min..])
        {
            worker.WithExplicitStart();
        }

        training.ApplicationBuilder.AddWorkerFleet(new WorkerFleet(workers, min));
        fleet.Scheduler!.WithEnvironment(EnvironmentNames.MaximumWorkers, max.ToString(CultureInfo.InvariantCulture));
        return training;
    }

    /// <summary>Submits a job when the scheduler is up, each time that the application starts. It is shown as a resource below the scheduler, with its state, its progress and commands.</summary>
    /// <param name="training">Of <see cref="AddLockstep"/>.</param>
    /// <param name="name">The job's, in the dashboard; the time is added.</param>
    /// <param name="path">Of its file, from the application host's folder.</param>
    /// <exception cref="Contracts.InputException">The file cannot be read, or something in it is wrong.</exception>
    public static IResourceBuilder<LockstepResource> AddJob(this IResourceBuilder<LockstepResource> training, string name, string path)
    {
        IDistributedApplicationBuilder builder = training.ApplicationBuilder;
        Contracts.Jobs.JobSpec job = Contracts.Jobs.JobFile.Load(Path.GetFullPath(path, builder.AppHostDirectory), []);
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<JobSubmission>(services, new SubmittedJob(name, job)));
        return training;
    }
}

using System.Globalization;
using Lockstep.AppHost;
using Lockstep.Contracts.Services;
using Lockstep.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

var builder = DistributedApplication.CreateBuilder(args);
if (!AppHostOptions.TryRead(builder.Configuration, builder.ExecutionContext.IsPublishMode, Console.Error, out AppHostOptions? options))
{
    return 2;
}

builder.Services.AddLogging(logging => logging
    // Each command and each health check would tell its requests.
    .AddFilter("System.Net.Http.HttpClient", LogLevel.Warning)
    .AddFilter("Microsoft.AspNetCore", LogLevel.Warning)
    // Where its keys lie, and that they are not encrypted: they protect the cookies of a dashboard on this machine.
    .AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error));
builder.WithoutCertificateNotice();
PublishTarget target = PublishTarget.Add(builder, options);

// Resources
IResourceBuilder<ParameterResource> apiKey = builder.AddGeneratedSecret("api-key");
IResourceBuilder<ParameterResource> secret = builder.AddGeneratedSecret("lockstep-secret");
builder.AddShardsParameter(options.Shards);
RedisBackend redis = builder.AddRedisBackend("redis", options);
target.PublishRedis(redis);

// Services
IResourceBuilder<ProjectResource>[] shards = [.. Enumerable.Range(0, options.Shards).Select(shard => builder
    .AddProject<Projects.ParameterServer>($"ps-{shard}")
    .AsLockstepService(secret)
    .WithEnvironment(EnvironmentNames.ShardIndex, shard.ToString(CultureInfo.InvariantCulture))
    .WithUrlForEndpoint(EndpointNames.Http, url => url.DisplayText = "Jobs on this shard"))];

foreach (IResourceBuilder<ProjectResource> shard in shards)
{
    // A shard sends the norms of its gradients to the first one.
    shard.WithReference(shards[0].GetEndpoint(EndpointNames.Grpc));
    target.PublishShard(shard);
}

IResourceBuilder<ProjectResource> scheduler = builder
    .AddProject<Projects.Scheduler>("scheduler")
    .AsLockstepService(secret)
    .WithEnvironment(EnvironmentNames.ApiKey, apiKey)
    .WithEnvironment(EnvironmentNames.MaximumWorkers, options.MaxWorkers.ToString(CultureInfo.InvariantCulture))
    .WithJobPaths()
    .WithReference(redis.Resource).WaitFor(redis.Resource)
    .WithShards(shards)
    .WithApiEndpoint(options.Port)
    .WithUrlForEndpoint(EndpointNames.Http, url => (url.DisplayText, url.Url) = ("Scheduler API", SchedulerRoutes.ApiPage))
    .WithSchedulerCommands(options.MaxWorkers, Path.GetFullPath(Path.Combine(builder.AppHostDirectory, "..")), ["digits", "medical", "driving"])
    .WithVerifyCommand(options.Worker);
target.PublishScheduler(scheduler);

IResourceBuilder<ProjectResource> Worker(string name) => builder
    .AddProject<Projects.Worker>(name)
    .AsLockstepService(secret, options.Worker)
    .WithShards(shards)
    .WithReference(scheduler.GetEndpoint(EndpointNames.Http))
    .WithReference(scheduler.GetEndpoint(EndpointNames.Grpc))
    .WaitFor(scheduler)
    .WithUrlForEndpoint(EndpointNames.Http, url => (url.DisplayText, url.Url) = ("Health", SchedulerRoutes.Health));

if (builder.ExecutionContext.IsRunMode)
{
    // Each worker a resource, so that their number can change while the application runs: replicas of one cannot.
    IResourceBuilder<ProjectResource>[] workers = [.. Enumerable.Range(0, options.MaxWorkers).Select(index => $"worker-{index}").Select(name => Worker(name)
        .WithEnvironment(EnvironmentNames.WorkerId, name)
        .WithDrain()
        .WithParentRelationship(scheduler))];
    foreach (IResourceBuilder<ProjectResource> worker in workers[options.MinWorkers..])
    {
        worker.WithExplicitStart();
    }

    builder.AddFleetWatch(scheduler, apiKey);
    builder.AddWorkerFleet(new WorkerFleet(workers, options.MinWorkers));
}
else
{
    // One worker, which the platform multiplies. It needs no Redis, but the platform's scaler does, which looks for the password among the worker's variables.
    target.PublishWorker(Worker("worker").WithReference(redis.Resource).WithEnvironment(EnvironmentNames.DataCache, PublishTarget.DataPath + "/cache"), redis);
}

builder.AddTrainingSteps();
await builder.Build().RunAsync();
return 0;

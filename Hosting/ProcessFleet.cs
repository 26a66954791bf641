using System.Globalization;
using Lockstep.Contracts.Services;

namespace Lockstep.Hosting;

/// <summary>Services as processes of this machine.</summary>
internal sealed class ProcessFleet(IDistributedApplicationBuilder builder, string name, LockstepPrograms programs, IResourceBuilder<ParameterResource> secret) : LockstepFleet(builder, name, secret)
{
    private readonly List<IResourceBuilder<ExecutableResource>> _shards = [];
    private readonly IResourceBuilder<GarnetProcess> _redis = GarnetProcess.Add(builder, $"{name}-redis", programs.Command);
    private IResourceBuilder<ExecutableResource>? _scheduler;

    public override void PlanScheduler(IResourceBuilder<ParameterResource> apiKey, int mostWorkers)
    {
        string root = Builder.AppHostDirectory;
        _scheduler = AsScheduler(Service($"{Name}-scheduler", programs.Scheduler), apiKey, mostWorkers, _redis.Resource.ConnectionStringExpression)
            .WithEnvironment(EnvironmentNames.DataRoots, Builder.Configuration[EnvironmentNames.DataRoots] ?? root)
            .WithEnvironment(EnvironmentNames.RunsRoot, Builder.Configuration[EnvironmentNames.RunsRoot] ?? Path.Combine(root, "runs"))
            .WaitFor(_redis)
            .WithSchedulerCommands(mostWorkers, root, samples: []);
        Builder.AddFleetWatch(_scheduler, apiKey);
    }

    public override void PlanShard()
    {
        _shards.Add(AsShard(Service($"{Name}-ps-{Shards}", programs.ParameterServer)));
        _scheduler?.WaitFor(_shards[^1]);
    }

    public override void PlanWorkers<TProject>(int min, int max)
    {
        IResourceBuilder<ProjectResource>[] workers = [.. Enumerable.Range(0, max).Select(index => Worker<TProject>(index).WithParentRelationship(_scheduler!))];
        foreach (IResourceBuilder<ProjectResource> worker in workers[min..])
        {
            worker.WithExplicitStart();
        }

        Builder.AddWorkerFleet(new WorkerFleet(workers, min));
        _scheduler!.WithEnvironment(EnvironmentNames.MaximumWorkers, max.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>One worker, of a program of the application's own.</summary>
    private IResourceBuilder<ProjectResource> Worker<TProject>(int index) where TProject : IProjectMetadata, new()
    {
        string worker = $"{Name}-worker-{index}";
        string assembly = WorkerProgram.Find(new TProject().ProjectPath, $"WithWorkers<{typeof(TProject).Name}>");
        IResourceBuilder<ProjectResource> resource = Builder.AddProject<TProject>(worker, options => (options.ExcludeLaunchProfile, options.ExcludeKestrelEndpoints) = (true, true))
            // As it was built: a dotnet run for each would cost seconds and 200 MB.
            .WithAnnotation(new ExecutableAnnotation { Command = DotnetHost.Command, WorkingDirectory = Path.GetDirectoryName(assembly)! })
            .WithArgs(assembly);
        return AsWorker(Local(resource, EndpointNames.Http))
            .WithEnvironment(EnvironmentNames.WorkerId, worker)
            .WaitFor(_scheduler!)
            .WithDrain();
    }

    private IResourceBuilder<ExecutableResource> Service(string resource, string assembly) =>
        Local(Builder.AddExecutable(resource, DotnetHost.Command, Path.GetDirectoryName(assembly)!, assembly), EndpointNames.Http, EndpointNames.Grpc).WithOtlpExporter();

    private IResourceBuilder<T> Local<T>(IResourceBuilder<T> service, params string[] endpoints) where T : IResourceWithEndpoints, IResourceWithEnvironment, IResourceWithProbes =>
        AsService(service, "127.0.0.1", [.. endpoints.Select(endpoint => (endpoint, (int?)null))]).WithEnvironment(EnvironmentNames.ParentProcess, ServiceResources.ThisProcess);
}

using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Lockstep.Contracts.Services;
using Lockstep.Hosting;

namespace Lockstep.AppHost.Tests;

/// <summary>An application of one's own with training in it, where it is published.</summary>
public sealed class PublishedTrainingTests
{
    [Theory]
    [InlineData(null, null, "no images are named for its services")]
    [InlineData("", "shard:1", "no image is named for its scheduler")]
    [InlineData("scheduler:1", " ", "no image is named for its parameter servers")]
    public void It_is_refused_by_name_unless_images_are_named(string? scheduler, string? shard, string message)
    {
        IDistributedApplicationBuilder builder = Publishing();
        var refusal = Assert.Throws<DistributedApplicationException>(() => scheduler is null ? builder.AddLockstep("training") : builder.AddLockstep("training", new LockstepImages(scheduler, shard!)));
        Assert.StartsWith($"'training' cannot be published: {message}", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("LockstepImages", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_images_its_services_are_containers()
    {
        IDistributedApplicationBuilder builder = Publishing();
        builder.AddLockstep("training", new LockstepImages("registry.test/scheduler:1.2", "registry.test/shard:1.2")).WithShards(2).WithWorkers<OwnWorker>(min: 0, max: 4);
        Assert.Equal(
            ["training-ps-0 registry.test/shard:1.2", "training-ps-1 registry.test/shard:1.2", "training-scheduler registry.test/scheduler:1.2"],
            builder.Resources.OfType<ContainerResource>().Where(resource => resource is not RedisResource).Select(resource => $"{resource.Name} {Image(resource)}").Order(StringComparer.Ordinal));
        Assert.Single(builder.Resources.OfType<RedisResource>());
        Assert.Equal("training-worker", Assert.Single(builder.Resources.OfType<ProjectResource>()).Name);

        await using DistributedApplication app = builder.Build();
        var publishing = new DistributedApplicationExecutionContext(new DistributedApplicationExecutionContextOptions(DistributedApplicationOperation.Publish) { Services = app.Services });
        IReadOnlyDictionary<string, string> scheduler = await EnvironmentAsync("training-scheduler"), worker = await EnvironmentAsync("training-worker"), shard = await EnvironmentAsync("training-ps-1");
        Assert.Equal("{training-ps-1.bindings.grpc.url}", scheduler[EnvironmentNames.ShardGrpc(1)]);
        Assert.Equal("{training-ps-0.bindings.grpc.url}", worker[EnvironmentNames.ShardGrpc(0)]);
        Assert.Equal("{training-scheduler.bindings.http.url}", worker[EnvironmentNames.SchedulerHttp]);
        Assert.Equal("{training-scheduler.bindings.grpc.url}", worker[EnvironmentNames.SchedulerGrpc]);
        Assert.Equal(("1", "{training-secret.value}"), (shard[EnvironmentNames.ShardIndex], shard[EnvironmentNames.Secret]));
        Assert.Equal(("/data", "/data/runs"), (scheduler[EnvironmentNames.DataRoots], scheduler[EnvironmentNames.RunsRoot]));
        // They are on no machine where this process would be.
        Assert.All(new[] { scheduler, worker, shard }, environment => Assert.DoesNotContain(EnvironmentNames.ParentProcess, environment.Keys));

        async Task<IReadOnlyDictionary<string, string>> EnvironmentAsync(string name)
        {
            IExecutionConfigurationResult result = await ExecutionConfigurationBuilder.Create(builder.Resources.Single(resource => resource.Name == name)).WithEnvironmentVariablesConfig()
                .BuildAsync(publishing, cancellationToken: TestContext.Current.CancellationToken);
            return result.EnvironmentVariables.ToDictionary(variable => variable.Key, variable => variable.Value);
        }
    }

    private static string Image(IResource resource)
    {
        ContainerImageAnnotation image = resource.Annotations.OfType<ContainerImageAnnotation>().Last();
        return $"{(image.Registry is { } registry ? registry + "/" : "")}{image.Image}:{image.Tag}";
    }

    private static IDistributedApplicationBuilder Publishing() => DistributedApplication.CreateBuilder(new DistributedApplicationOptions { Args = ["--operation", "publish", "--step", "publish"], DisableDashboard = true });

    private sealed class OwnWorker : IProjectMetadata
    {
        public string ProjectPath => Path.Combine(Repository(new DirectoryInfo(AppContext.BaseDirectory)), "tests", "OwnWorker", "OwnWorker.csproj");

        private static string Repository(DirectoryInfo folder) => File.Exists(Path.Combine(folder.FullName, "Aspire.sln")) ? folder.FullName : Repository(folder.Parent!);
    }
}

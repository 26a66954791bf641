using Aspire.Hosting.ApplicationModel;
using Lockstep.Contracts.Services;

namespace Lockstep.AppHost.Tests;

/// <summary>Resources, references, waits and environment in run mode.</summary>
public sealed class TopologyTests
{
    [Fact]
    public async Task Has_Redis_the_scheduler_two_shards_and_four_workers()
    {
        await using AppModel app = await AppModel.RunAsync();
        Assert.Equal(
            ["ps-0", "ps-1", "scheduler", "worker-0", "worker-1", "worker-2", "worker-3"],
            app.Model.Resources.OfType<ProjectResource>().Select(r => r.Name).Where(n => !n.Contains("rebuild", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.IsType<GarnetProcess>(app.Get<IResource>("redis"));
        Assert.Equal(["api-key", "lockstep-secret", "ps-shards", "redis-password"], app.Model.Resources.OfType<ParameterResource>().Select(r => r.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Shards_and_workers_are_as_many_as_told()
    {
        await using AppModel app = await AppModel.RunAsync("--ps-shards", "3", "--workers-min", "2", "--workers-max", "5");
        Assert.Equal(3, app.Names.Count(n => n is "ps-0" or "ps-1" or "ps-2"));
        Assert.DoesNotContain("ps-3", app.Names);
        Assert.Equal(5, app.Names.Count(n => n.StartsWith("worker-", StringComparison.Ordinal) && !n.Contains("rebuild", StringComparison.Ordinal)));
        Assert.Equal("3", await app.Get<ParameterResource>("ps-shards").GetValueAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Workers_above_the_minimum_are_started_by_order_only()
    {
        await using AppModel app = await AppModel.RunAsync("--workers-min", "2", "--workers-max", "4");
        Assert.Equal(
            [false, false, true, true],
            Enumerable.Range(0, 4).Select(index => app.Project($"worker-{index}").Annotations.OfType<ExplicitStartupAnnotation>().Any()));
        // The services are always there.
        Assert.All(["scheduler", "ps-0", "ps-1"], name => Assert.Empty(app.Project(name).Annotations.OfType<ExplicitStartupAnnotation>()));
    }

    [Fact]
    public async Task No_project_has_replicas()
    {
        await using AppModel app = await AppModel.RunAsync();
        Assert.All(app.Model.Resources.OfType<ProjectResource>(), project => Assert.Empty(project.Annotations.OfType<ReplicaAnnotation>()));
    }

    [Fact]
    public async Task Redis_is_a_process_of_the_engine()
    {
        await using AppModel app = await AppModel.RunAsync();
        Assert.Empty(app.Model.Resources.OfType<ContainerResource>());
        Assert.Matches("^[^ ]*lockstep.dll redis-server --port ", await app.ArgumentsOfAsync("redis"));
        IReadOnlyDictionary<string, string> environment = await app.EnvironmentOfAsync("redis");
        Assert.Equal(("{redis-password.value}", $"{Environment.ProcessId}"), (environment[EnvironmentNames.RedisPassword], environment[EnvironmentNames.ParentProcess]));
        // Of the secrets it needs its own only.
        Assert.DoesNotContain(EnvironmentNames.Secret, environment);
    }

    [Fact]
    public async Task A_container_of_Redis_has_a_password_and_keeps_its_data()
    {
        await using AppModel app = await AppModel.RunAsync("--redis", "redis");
        RedisResource redis = app.Get<RedisResource>("redis");
        Assert.True(redis.PasswordParameter!.Secret);
        Assert.Equal(("lockstep-redis", "/data"), redis.Annotations.OfType<ContainerMountAnnotation>().Select(m => (m.Source, m.Target)).Single());
        Assert.Contains("--save", await app.ArgumentsOfAsync("redis"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_Redis_from_outside_is_one_connection_string()
    {
        await using AppModel app = await AppModel.RunAsync("--redis", "external", "--ConnectionStrings:redis", "cache.test:6380,password=pass");
        IResourceWithConnectionString redis = app.Get<IResourceWithConnectionString>("redis");
        Assert.Equal("cache.test:6380,password=pass", await redis.GetConnectionStringAsync(TestContext.Current.CancellationToken));
        Assert.Empty(app.Model.Resources.OfType<ContainerResource>());
    }

    [Theory]
    [InlineData("scheduler", "Scheduler")]
    [InlineData("ps-1", "ParameterServer")]
    [InlineData("worker-3", "Worker")]
    public async Task A_service_is_started_from_what_was_built_and_ends_with_the_application(string service, string project)
    {
        await using AppModel app = await AppModel.RunAsync();
        ExecutableAnnotation started = Assert.Single(app.Project(service).Annotations.OfType<ExecutableAnnotation>());
        string assembly = await app.ArgumentsOfAsync(service);
        Assert.Equal($"Lockstep.{project}.dll", Path.GetFileName(assembly));
        Assert.True(File.Exists(assembly), assembly);
        Assert.Equal(Path.GetDirectoryName(assembly), started.WorkingDirectory);
        Assert.Equal($"{Environment.ProcessId}", (await app.EnvironmentOfAsync(service))[EnvironmentNames.ParentProcess]);
    }

    [Theory]
    [InlineData("ps-0")]
    [InlineData("ps-1")]
    [InlineData("scheduler", "redis", "ps-0", "ps-1")]
    [InlineData("worker-3", "ps-0", "ps-1", "scheduler")]
    public async Task A_service_waits_until_what_it_needs_is_healthy(string service, params string[] dependencies)
    {
        await using AppModel app = await AppModel.RunAsync();
        WaitAnnotation[] waits = [.. app.Project(service).Annotations.OfType<WaitAnnotation>()];
        Assert.Equal(dependencies, waits.Select(w => w.Resource.Name));
        Assert.All(waits, wait => Assert.Equal(WaitType.WaitUntilHealthy, wait.WaitType));
    }

    [Fact]
    public async Task The_scheduler_finds_Redis_the_shards_its_key_the_secret_and_how_many_workers_there_can_be()
    {
        await using AppModel app = await AppModel.RunAsync();
        IReadOnlyDictionary<string, string> environment = await app.EnvironmentOfAsync("scheduler");
        Assert.Equal("{redis.connectionString}", environment[EnvironmentNames.RedisConnection]);
        Assert.Equal("{ps-0.bindings.grpc.url}", environment[EnvironmentNames.ShardGrpc(0)]);
        Assert.Equal("{ps-1.bindings.grpc.url}", environment[EnvironmentNames.ShardGrpc(1)]);
        Assert.Equal("{api-key.value}", environment[EnvironmentNames.ApiKey]);
        Assert.Equal("4", environment[EnvironmentNames.MaximumWorkers]);
        Assert.StartsWith(environment[EnvironmentNames.DataRoots], environment[EnvironmentNames.RunsRoot], StringComparison.Ordinal);
        Assert.Equal("{lockstep-secret.value}", environment[EnvironmentNames.Secret]);
    }

    [Fact]
    public async Task A_worker_finds_the_shards_the_scheduler_and_its_name_but_neither_Redis_nor_the_key()
    {
        await using AppModel app = await AppModel.RunAsync();
        IReadOnlyDictionary<string, string> environment = await app.EnvironmentOfAsync("worker-2");
        Assert.Equal("{ps-0.bindings.grpc.url}", environment[EnvironmentNames.ShardGrpc(0)]);
        Assert.Equal("{ps-1.bindings.grpc.url}", environment[EnvironmentNames.ShardGrpc(1)]);
        Assert.Equal("{scheduler.bindings.http.url}", environment[EnvironmentNames.SchedulerHttp]);
        Assert.Equal("{scheduler.bindings.grpc.url}", environment[EnvironmentNames.SchedulerGrpc]);
        Assert.Equal("{lockstep-secret.value}", environment[EnvironmentNames.Secret]);
        Assert.Equal("worker-2", environment[EnvironmentNames.WorkerId]);
        Assert.DoesNotContain(EnvironmentNames.RedisConnection, environment);
        Assert.DoesNotContain(EnvironmentNames.ApiKey, environment);
    }

    [Fact]
    public async Task A_shard_finds_the_first_one_its_index_and_the_secret_but_neither_Redis_nor_the_key()
    {
        await using AppModel app = await AppModel.RunAsync();
        IReadOnlyDictionary<string, string> environment = await app.EnvironmentOfAsync("ps-1");
        Assert.Equal("{ps-0.bindings.grpc.url}", environment[EnvironmentNames.ShardGrpc(0)]);
        Assert.Equal("1", environment[EnvironmentNames.ShardIndex]);
        Assert.Equal("{lockstep-secret.value}", environment[EnvironmentNames.Secret]);
        Assert.DoesNotContain(EnvironmentNames.RedisConnection, environment);
        Assert.DoesNotContain(EnvironmentNames.ApiKey, environment);
    }

    [Fact]
    public async Task Secrets_are_made_and_long()
    {
        await using AppModel app = await AppModel.RunAsync();
        foreach (string name in new[] { "api-key", "lockstep-secret" })
        {
            ParameterResource parameter = app.Get<ParameterResource>(name);
            Assert.True(parameter.Secret);
            Assert.Matches("^[A-Za-z0-9]{32,}$", await parameter.GetValueAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Workers_stand_below_the_scheduler_and_references_are_relationships()
    {
        await using AppModel app = await AppModel.RunAsync();
        ResourceRelationshipAnnotation[] relationships = [.. app.Project("worker-0").Annotations.OfType<ResourceRelationshipAnnotation>()];
        Assert.Contains(relationships, r => r is { Type: "Parent", Resource.Name: "scheduler" });
        Assert.All(["ps-0", "ps-1", "scheduler"], name => Assert.Contains(relationships, r => r.Type == "Reference" && r.Resource.Name == name));
    }
}

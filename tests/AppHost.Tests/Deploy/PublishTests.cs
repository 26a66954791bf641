using Aspire.Hosting.ApplicationModel;
using Lockstep.Contracts.Services;
using YamlDotNet.RepresentationModel;

namespace Lockstep.AppHost.Tests;

/// <summary>What is published: read back from the files that Aspire writes.</summary>
public sealed class PublishTests : IDisposable
{
    private readonly DirectoryInfo _output = Directory.CreateTempSubdirectory("lockstep-publish-");

    public void Dispose() => _output.Delete(recursive: true);

    [Theory]
    [InlineData("container-apps")]
    [InlineData("kubernetes")]
    [InlineData("compose")]
    public async Task No_service_claims_to_speak_TLS(string target)
    {
        await using AppModel app = await AppModel.PublishAsync("publish", target, _output.FullName);
        Assert.All(
            app.Model.Resources.OfType<ProjectResource>().SelectMany(r => r.Annotations.OfType<EndpointAnnotation>()),
            endpoint => Assert.Equal("http", endpoint.UriScheme));
    }

    [Fact]
    public async Task Container_Apps_take_gRPC_over_TCP_and_a_Redis_from_outside()
    {
        await using AppModel app = await AppModel.PublishAsync("publish", "container-apps", _output.FullName);
        foreach (string name in new[] { "scheduler", "ps-0", "ps-1" })
        {
            Assert.Equal("tcp", app.Project(name).Annotations.OfType<EndpointAnnotation>().Single(e => e.Name == "grpc").Transport);
        }

        Assert.Empty(app.Model.Resources.OfType<RedisResource>());
        Assert.Equal("{redis-password.value}", (await app.EnvironmentOfAsync("worker"))["REDIS_PASSWORD"]);
        // One external port a service is all that the platform takes.
        Assert.Single(app.Model.Resources.SelectMany(r => r.Annotations.OfType<EndpointAnnotation>()), e => e.IsExternal);
        Assert.All(["scheduler", "ps-0", "ps-1", "worker"], name => Assert.Contains(app.Project(name).Annotations, a => a.GetType().Name == "AzureContainerAppCustomizationAnnotation"));
    }

    [Fact]
    public async Task Compose_has_the_services_with_a_common_volume_and_as_many_workers_as_the_minimum()
    {
        YamlMappingNode services = Map((await PublishAsync("compose", "--workers-min", "3"))["docker-compose.yaml"].Single(), "services");
        Assert.Subset(Keys(services), new HashSet<string> { "redis", "scheduler", "ps-0", "ps-1", "worker" });
        Assert.Equal("3", Text(services, "worker", "deploy", "replicas"));
        foreach (string name in new[] { "scheduler", "ps-0", "ps-1", "worker" })
        {
            Assert.Equal(("lockstep-data", "/data"), (Text(services, name, "volumes", "0", "source"), Text(services, name, "volumes", "0", "target")));
            Assert.Equal("120s", Text(services, name, "stop_grace_period"));
            Assert.Equal("root", Text(services, name, "user"));
        }

        Assert.Equal("5080:5080", Text(services, "scheduler", "ports", "0"));
        Assert.Equal("http://ps-1:5091", Text(services, "worker", "environment", EnvironmentNames.ShardGrpc(1)));
        Assert.Equal("http://scheduler:5081", Text(services, "worker", "environment", EnvironmentNames.SchedulerGrpc));
        Assert.Equal("http://*:5091", Text(services, "ps-0", "environment", "Kestrel__Endpoints__grpc__Url"));
        Assert.Equal("redis:6379,password=${REDIS_PASSWORD}", Text(services, "worker", "environment", EnvironmentNames.RedisConnection));
        Assert.Contains("--requirepass", Text(services, "redis", "command", "1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kubernetes_scales_the_workers_by_the_list_in_Redis()
    {
        YamlMappingNode scaler = Of((await PublishAsync("kubernetes", "--workers-min", "0", "--workers-max", "9"))["templates/worker/scaler.yaml"], "ScaledObject");
        Assert.Equal("keda.sh/v1alpha1", Text(scaler, "apiVersion"));
        Assert.Equal(("apps/v1", "Deployment", "worker-deployment"), (Text(scaler, "spec", "scaleTargetRef", "apiVersion"), Text(scaler, "spec", "scaleTargetRef", "kind"), Text(scaler, "spec", "scaleTargetRef", "name")));
        Assert.Equal(("0", "9"), (Text(scaler, "spec", "minReplicaCount"), Text(scaler, "spec", "maxReplicaCount")));
        Assert.Equal("redis", Text(scaler, "spec", "triggers", "0", "type"));
        YamlMappingNode metadata = Map(scaler, "spec", "triggers", "0", "metadata");
        Assert.Equal((new RedisKeys().WantedWorkers, "1"), (Text(metadata, "listName"), Text(metadata, "listLength")));
        Assert.Equal("redis-service.{{ .Release.Namespace }}.svc.cluster.local:6379", Text(metadata, "address"));
        Assert.Equal(("REDIS_PASSWORD", "false"), (Text(metadata, "passwordFromEnv"), Text(metadata, "enableTLS")));
        // What was wanted is wanted: Kubernetes does not think it over once more.
        Assert.Equal("0", Text(scaler, "spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleDown", "stabilizationWindowSeconds"));
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task Kubernetes_reads_the_address_of_a_Redis_from_outside_in_the_workers_environment(string tls)
    {
        ILookup<string, YamlMappingNode> files = await PublishAsync("kubernetes", "--redis", "external", "--redis-tls", tls);
        YamlMappingNode metadata = Map(Of(files["templates/worker/scaler.yaml"], "ScaledObject"), "spec", "triggers", "0", "metadata");
        Assert.Equal(("REDIS_ADDRESS", "REDIS_PASSWORD", tls), (Text(metadata, "addressFromEnv"), Text(metadata, "passwordFromEnv"), Text(metadata, "enableTLS")));
        Assert.Contains("REDIS_ADDRESS", Keys(Map(files["templates/worker/config.yaml"].Single(), "data")));
        Assert.Contains("REDIS_PASSWORD", Keys(Map(files["templates/worker/secrets.yaml"].Single(), "stringData")));
        Assert.Empty(files["templates/redis/statefulset.yaml"]);
    }

    [Theory]
    [InlineData("scheduler", "StatefulSet", "statefulset", 5080)]
    [InlineData("ps-1", "StatefulSet", "statefulset", 5090)]
    [InlineData("worker", "Deployment", "deployment", 5100)]
    public async Task Each_pod_has_probes_time_to_drain_and_the_common_volume(string service, string kind, string file, int port)
    {
        YamlMappingNode pod = Map(Of((await PublishAsync("kubernetes"))[$"templates/{service}/{file}.yaml"], kind), "spec", "template", "spec");
        Assert.Equal("120", Text(pod, "terminationGracePeriodSeconds"));
        foreach ((string probe, string path) in new[] { ("readinessProbe", "/health"), ("livenessProbe", "/alive") })
        {
            // Kubernetes refuses the scheme in lower case.
            Assert.Equal(("HTTP", path, $"{port}"), (Text(pod, "containers", "0", probe, "httpGet", "scheme"), Text(pod, "containers", "0", probe, "httpGet", "path"), Text(pod, "containers", "0", probe, "httpGet", "port")));
        }

        Assert.Equal(("lockstep-data", "/data"), (Text(pod, "containers", "0", "volumeMounts", "0", "name"), Text(pod, "containers", "0", "volumeMounts", "0", "mountPath")));
        Assert.Equal("lockstep-data", Text(pod, "volumes", "0", "persistentVolumeClaim", "claimName"));
    }

    [Fact]
    public async Task Volumes_are_claims_with_names_that_Kubernetes_takes()
    {
        ILookup<string, YamlMappingNode> files = await PublishAsync("kubernetes");
        Assert.Equal("ReadWriteMany", Text(files["templates/lockstep-data/lockstep-data.yaml"].Single(), "spec", "accessModes", "0"));
        Assert.Equal("ReadWriteOnce", Text(files["templates/lockstep-redis/lockstep-redis.yaml"].Single(), "spec", "accessModes", "0"));
        Assert.Equal("lockstep-redis", Text(files["templates/redis/statefulset.yaml"].Single(), "spec", "template", "spec", "volumes", "0", "persistentVolumeClaim", "claimName"));
        foreach (YamlMappingNode workload in files.SelectMany(f => f).Where(d => d.Children.ContainsKey("kind") && Text(d, "kind") is "Deployment" or "StatefulSet"))
        {
            YamlMappingNode pod = Map(workload, "spec", "template", "spec");
            if (pod.Children.TryGetValue("volumes", out YamlNode? volumes))
            {
                Assert.All((YamlSequenceNode)volumes, volume => Assert.Matches("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", Text((YamlMappingNode)volume, "name")));
            }
        }
    }

    [Fact]
    public async Task An_eviction_takes_one_worker_at_a_time_and_no_shard()
    {
        ILookup<string, YamlMappingNode> files = await PublishAsync("kubernetes");
        YamlMappingNode worker = Of(files["templates/worker/budget.yaml"], "PodDisruptionBudget");
        Assert.Equal(("policy/v1", "1", "worker"), (Text(worker, "apiVersion"), Text(worker, "spec", "maxUnavailable"), Text(worker, "spec", "selector", "matchLabels", "app.kubernetes.io/component")));
        YamlMappingNode shard = Of(files["templates/ps-0/budget.yaml"], "PodDisruptionBudget");
        Assert.Equal(("1", "ps-0"), (Text(shard, "spec", "minAvailable"), Text(shard, "spec", "selector", "matchLabels", "app.kubernetes.io/component")));
        Assert.DoesNotContain("maxUnavailable", Keys(Map(shard, "spec")));
    }

    [Fact]
    public async Task Secrets_are_in_no_configuration()
    {
        ILookup<string, YamlMappingNode> files = await PublishAsync("kubernetes");
        foreach (string service in new[] { "scheduler", "ps-0", "worker" })
        {
            Assert.DoesNotContain(Keys(Map(files[$"templates/{service}/config.yaml"].Single(), "data")), key => key is EnvironmentNames.Secret or EnvironmentNames.ApiKey or EnvironmentNames.RedisConnection or "REDIS_PASSWORD");
            Assert.Contains(EnvironmentNames.Secret, Keys(Map(files[$"templates/{service}/secrets.yaml"].Single(), "stringData")));
        }
    }

    /// <returns>The documents of each file, by its path.</returns>
    private async Task<ILookup<string, YamlMappingNode>> PublishAsync(string target, params string[] options)
    {
        await AppModel.WriteAsync("publish", target, _output.FullName, options);
        return _output.EnumerateFiles("*.yaml", SearchOption.AllDirectories)
            .SelectMany(file => Documents(file.FullName).Select(document => (Path: Path.GetRelativePath(_output.FullName, file.FullName).Replace('\\', '/'), Document: document)))
            .ToLookup(f => f.Path, f => f.Document);
    }

    private static IEnumerable<YamlMappingNode> Documents(string path)
    {
        using var reader = new StreamReader(path);
        var stream = new YamlStream();
        stream.Load(reader);
        return [.. stream.Documents.Select(d => (YamlMappingNode)d.RootNode)];
    }

    private static YamlMappingNode Of(IEnumerable<YamlMappingNode> documents, string kind) => documents.Single(d => Text(d, "kind") == kind);

    private static HashSet<string> Keys(YamlMappingNode map) => [.. map.Children.Keys.Select(k => ((YamlScalarNode)k).Value!)];

    private static YamlMappingNode Map(YamlNode node, params string[] path) => (YamlMappingNode)At(node, path);

    private static string Text(YamlNode node, params string[] path) => ((YamlScalarNode)At(node, path)).Value!;

    /// <param name="path">Keys of maps, indices of lists.</param>
    private static YamlNode At(YamlNode node, string[] path)
    {
        foreach (string part in path)
        {
            node = node is YamlSequenceNode list ? list[int.Parse(part, System.Globalization.CultureInfo.InvariantCulture)] : ((YamlMappingNode)node).Children[part];
        }

        return node;
    }
}

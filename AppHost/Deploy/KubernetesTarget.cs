using Aspire.Hosting.Kubernetes;
using Aspire.Hosting.Kubernetes.Resources;

namespace Lockstep.AppHost;

/// <summary>Kubernetes: a Helm chart. KEDA, which must be in the cluster, scales the workers by the list in Redis.</summary>
internal sealed class KubernetesTarget : PublishTarget
{
    private const int RedisPort = 6379;

    private readonly AppHostOptions _options;
    private readonly IResourceBuilder<KubernetesEnvironmentResource> _environment;
    private readonly IResourceBuilder<KubernetesPersistentVolumeResource> _volume;

    public KubernetesTarget(IDistributedApplicationBuilder builder, AppHostOptions options)
    {
        _options = options;
        _environment = builder.AddKubernetesEnvironment("kubernetes");
        // Every service reads and writes in it, wherever its pod is.
        _volume = _environment.AddPersistentVolume(DataVolume).WithCapacity("20Gi").WithAccessMode(PersistentVolumeAccessMode.ReadWriteMany);
    }

    public override void PublishRedis(RedisBackend redis) =>
        // Bound to the mount of the same name, which would be gone with the pod otherwise.
        redis.Container?.WithPersistentVolume(_environment.AddPersistentVolume(RedisBackend.DataVolume).WithCapacity("1Gi").WithAccessMode(PersistentVolumeAccessMode.ReadWriteOnce));

    public override void PublishScheduler(IResourceBuilder<ProjectResource> scheduler) => PublishStateful(scheduler);

    public override void PublishShard(IResourceBuilder<ProjectResource> shard) => PublishStateful(shard);

    public override void PublishWorker(IResourceBuilder<ProjectResource> worker, RedisBackend redis)
    {
        string name = worker.Resource.Name;
        if (redis.Address is { } address)
        {
            worker.WithEnvironment(RedisListTrigger.AddressVariable, address).WithEnvironment(RedisListTrigger.PasswordVariable, redis.Password!);
        }

        worker.WithReplicas(Math.Max(1, _options.MinWorkers)).PublishAsKubernetesService(service =>
        {
            PodSpecV1 pod = Prepare(service);
            // Bound here and not by WithPersistentVolume, which would make a stateful set, whose pods start one after the other.
            pod.SecurityContext = new PodSecurityContextV1 { FsGroup = 2000, FsGroupChangePolicy = "OnRootMismatch" };
            pod.Volumes.Add(new VolumeV1 { Name = DataVolume, PersistentVolumeClaim = new PersistentVolumeClaimVolumeSourceV1 { ClaimName = DataVolume } });
            pod.Containers[0].VolumeMounts.Add(new VolumeMountV1 { Name = DataVolume, MountPath = DataPath });
            service.AdditionalResources.Add(new ScaledObject(name, service.Workload!, _options.MinWorkers, _options.MaxWorkers, Trigger(redis)));
            service.AdditionalResources.Add(PodDisruptionBudget.AtMostOneAway(name, Labels(service)));
        });
    }

    /// <summary>One pod that keeps state in memory: never two of it, and no eviction that nobody asked for.</summary>
    private void PublishStateful(IResourceBuilder<ProjectResource> resource) => resource
        .WithPersistentVolume(_volume, DataPath)
        .PublishAsKubernetesService(service =>
        {
            Prepare(service);
            service.AdditionalResources.Add(PodDisruptionBudget.Keep(resource.Resource.Name, Labels(service)));
        });

    private static PodSpecV1 Prepare(KubernetesResource service)
    {
        PodSpecV1 pod = service.Workload!.PodTemplate.Spec;
        pod.TerminationGracePeriodSeconds = DrainSeconds;
        foreach (ContainerV1 container in pod.Containers)
        {
            foreach (ProbeV1? probe in new[] { container.LivenessProbe, container.ReadinessProbe })
            {
                // Aspire 13.5.2 writes "http" as in the endpoint, Kubernetes takes HTTP and HTTPS only. To be removed when Aspire writes it so.
                if (probe?.HttpGet is { } get)
                {
                    get.Scheme = get.Scheme.ToUpperInvariant();
                }
            }
        }

        return pod;
    }

    private RedisListTrigger Trigger(RedisBackend redis) => redis.Address is not null
        ? RedisListTrigger.External(_options.RedisTls)
        // KEDA asks from its own namespace, so the name is a full one.
        : RedisListTrigger.InCluster($"{redis.Resource.Resource.Name}-service.{{{{ .Release.Namespace }}}}.svc.cluster.local:{RedisPort}");

    private static Dictionary<string, string> Labels(KubernetesResource service) => service.Workload!.Metadata.Labels.ToDictionary();
}

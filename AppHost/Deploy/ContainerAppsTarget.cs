using Lockstep.Hosting;
using Aspire.Hosting.Azure;
using Aspire.Hosting.Azure.AppContainers;
using Azure.Provisioning.AppContainers;

namespace Lockstep.AppHost;

/// <summary>Azure Container Apps. Its built-in KEDA scales the workers by the list in Redis, which must be reachable from outside of the environment.</summary>
internal sealed class ContainerAppsTarget : PublishTarget
{
    /// <summary>The name that Container Apps get for the secret in <see cref="RedisListTrigger.PasswordVariable"/>.</summary>
    private const string PasswordSecret = "redis-password";

    private readonly AppHostOptions _options;
    private readonly IResourceBuilder<AzureContainerAppEnvironmentResource> _environment;

    public ContainerAppsTarget(IDistributedApplicationBuilder builder, AppHostOptions options)
    {
        _options = options;
        _environment = builder.AddAzureContainerAppEnvironment("container-apps");
    }

    // The scheduler's mount makes the file share; the others mount the same one.
    public override void PublishScheduler(IResourceBuilder<ProjectResource> scheduler) => WithTcpForGrpc(scheduler)
        .WithAnnotation(new ContainerMountAnnotation(DataVolume, DataPath, ContainerMountType.Volume, isReadOnly: false))
        .PublishAsAzureContainerApp((_, app) => SetScale(app, 1, 1));

    public override void PublishShard(IResourceBuilder<ProjectResource> shard) => WithTcpForGrpc(shard)
        .PublishAsAzureContainerApp((infrastructure, app) =>
        {
            SetScale(app, 1, 1);
            MountData(infrastructure, app);
        });

    public override void PublishWorker(IResourceBuilder<ProjectResource> worker, RedisBackend redis)
    {
        if (redis is not { Address: { } address, Password: { } password, Tls: { } tls })
        {
            worker.PublishAsAzureContainerApp((infrastructure, app) =>
            {
                // Nothing could scale it: as many as the minimum says.
                SetScale(app, Math.Max(1, _options.MinWorkers), Math.Max(1, _options.MinWorkers));
                MountData(infrastructure, app);
            });
            return;
        }

        worker.WithEnvironment(RedisListTrigger.PasswordVariable, password).PublishAsAzureContainerApp((infrastructure, app) =>
        {
            SetScale(app, _options.MinWorkers, _options.MaxWorkers);
            MountData(infrastructure, app);
            var rule = new ContainerAppCustomScaleRule { CustomScaleRuleType = RedisListTrigger.Kind };
            foreach ((string key, string value) in RedisListTrigger.ListMetadata())
            {
                rule.Metadata[key] = value;
            }

            rule.Metadata[RedisListTrigger.TlsKey] = tls.AsProvisioningParameter(infrastructure);
            rule.Metadata["address"] = address.AsProvisioningParameter(infrastructure);
            rule.Auth.Add(new ContainerAppScaleRuleAuth { SecretRef = PasswordSecret, TriggerParameter = "password" });
            app.Template.Scale.Rules.Add(new ContainerAppScaleRule { Name = "workers-wanted", Custom = rule });
        });
    }

    private static void SetScale(ContainerApp app, int minimum, int maximum)
    {
        app.Template.TerminationGracePeriodSeconds = DrainSeconds;
        app.Template.Scale = new ContainerAppScale { MinReplicas = minimum, MaxReplicas = maximum };
    }

    /// <summary>The ingress for HTTP ends requests after minutes, and gRPC streams last as long as a job: they go over a TCP port inside of the environment.</summary>
    private static IResourceBuilder<ProjectResource> WithTcpForGrpc(IResourceBuilder<ProjectResource> service) =>
        service.WithEndpoint(EndpointNames.Grpc, endpoint => endpoint.Transport = "tcp", createIfNotExists: false);

    /// <summary>Aspire would make a share for each service; all must see the same run folders.</summary>
    private void MountData(AzureResourceInfrastructure infrastructure, ContainerApp app)
    {
        app.Template.Volumes.Add(new ContainerAppVolume
        {
            Name = DataVolume,
            StorageType = ContainerAppStorageType.AzureFile,
            StorageName = new BicepOutputReference("volumes_scheduler_0", _environment.Resource).AsProvisioningParameter(infrastructure),
        });
        app.Template.Containers[0].Value!.VolumeMounts.Add(new ContainerAppVolumeMount { VolumeName = DataVolume, MountPath = DataPath });
    }
}

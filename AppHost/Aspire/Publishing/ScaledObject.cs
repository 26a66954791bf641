using Aspire.Hosting.Kubernetes.Resources;

namespace Lockstep.AppHost;

/// <summary>KEDA's order to keep a workload at the size that a trigger says.</summary>
/// <remarks>https://keda.sh/docs/latest/reference/scaledobject-spec/</remarks>
internal sealed class ScaledObject : BaseKubernetesResource
{
    public ScaledObject(string name, Workload workload, int minimum, int maximum, RedisListTrigger trigger) : base("keda.sh/v1alpha1", "ScaledObject")
    {
        Metadata.Name = $"{name}-scaler";
        Spec = new()
        {
            ScaleTargetRef = new() { ApiVersion = workload.ApiVersion!, Kind = workload.Kind!, Name = workload.Metadata.Name },
            MinReplicaCount = minimum,
            MaxReplicaCount = maximum,
            Triggers = [trigger],
        };
    }

    public ScaledObjectSpec Spec { get; }
}

internal sealed class ScaledObjectSpec
{
    public required ScaleTarget ScaleTargetRef { get; init; }
    public required int MinReplicaCount { get; init; }
    public required int MaxReplicaCount { get; init; }
    /// <value>Seconds.</value>
    public int PollingInterval { get; init; } = 5;
    /// <value>Seconds from the last worker wanted to none at all.</value>
    public int CooldownPeriod { get; init; } = 60;
    public required IReadOnlyList<RedisListTrigger> Triggers { get; init; }
}

internal sealed class ScaleTarget
{
    public required string ApiVersion { get; init; }
    public required string Kind { get; init; }
    public required string Name { get; init; }
}

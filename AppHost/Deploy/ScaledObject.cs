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
    public ScalingBehavior Advanced { get; } = new();
    public required IReadOnlyList<RedisListTrigger> Triggers { get; init; }
}

/// <summary>The list says what is wanted and was thought over already: Kubernetes' own scaler, which otherwise waits five minutes before it takes a pod away, acts on it at once.</summary>
/// <remarks>https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#stabilization-window</remarks>
internal sealed class ScalingBehavior
{
    public AutoscalerConfig HorizontalPodAutoscalerConfig { get; } = new();

    internal sealed class AutoscalerConfig
    {
        public BehaviorRules Behavior { get; } = new();
    }

    internal sealed class BehaviorRules
    {
        public ScaleDownRule ScaleDown { get; } = new();
    }

    internal sealed class ScaleDownRule
    {
        public int StabilizationWindowSeconds { get; init; }
    }
}

internal sealed class ScaleTarget
{
    public required string ApiVersion { get; init; }
    public required string Kind { get; init; }
    public required string Name { get; init; }
}

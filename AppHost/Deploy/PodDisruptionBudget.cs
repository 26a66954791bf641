using Aspire.Hosting.Kubernetes.Resources;

namespace Lockstep.AppHost;

/// <summary>How many pods of a workload an eviction, such as of a node that is drained, may take at once.</summary>
internal sealed class PodDisruptionBudget : BaseKubernetesResource
{
    private PodDisruptionBudget(string name, PodDisruptionBudgetSpec spec) : base("policy/v1", "PodDisruptionBudget")
    {
        Metadata.Name = $"{name}-budget";
        Spec = spec;
    }

    public PodDisruptionBudgetSpec Spec { get; }

    public static PodDisruptionBudget AtMostOneAway(string name, Dictionary<string, string> labels) => new(name, new() { MaxUnavailable = 1, Selector = new LabelSelectorV1(labels) });

    public static PodDisruptionBudget Keep(string name, Dictionary<string, string> labels) => new(name, new() { MinAvailable = 1, Selector = new LabelSelectorV1(labels) });
}

internal sealed class PodDisruptionBudgetSpec
{
    public int? MaxUnavailable { get; init; }
    public int? MinAvailable { get; init; }
    public required LabelSelectorV1 Selector { get; init; }
}

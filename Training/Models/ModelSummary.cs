using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;

namespace Lockstep.Training;

/// <summary>A model's layers and sizes, without a tensor or libtorch.</summary>
/// <param name="Layers">Kind, shapes of one sample that goes in and comes out, and elements of its parameters.</param>
/// <param name="MinimumSlotSamples">As <see cref="NeuralModel.MinimumSlotSamples"/>.</param>
public sealed record ModelSummary(IReadOnlyList<(LayerKind Kind, IReadOnlyList<int> Input, IReadOnlyList<int> Output, long Parameters)> Layers, long Parameters, long Buffers, int MinimumSlotSamples)
{
    /// <param name="fields">Of the data.</param>
    /// <exception cref="InputException">Shapes, layers, loss and metrics don't fit together.</exception>
    public static ModelSummary Of(JobSpec job, IReadOnlyList<DataField> fields)
    {
        int? outputs = LabelNeeds.Outputs(job, fields);
        ModelPlan plan = ModelPlan.Create(job, LabelNeeds.SampleShape(fields), outputs ?? 0);
        long Elements(TensorKind kind, Func<TensorSpec, bool> which) => plan.Tensors.Where(t => t.Kind == kind && which(t)).Sum(t => t.Elements);
        return new ModelSummary(
            [.. plan.Layers.Select(layer => (layer.Kind, layer.Input, layer.Output, Elements(TensorKind.Parameter, t => t.Name.StartsWith($"{layer.Index}.", StringComparison.Ordinal))))],
            Elements(TensorKind.Parameter, _ => true),
            Elements(TensorKind.Buffer, _ => true),
            plan.MinimumSlotSamples);
    }
}

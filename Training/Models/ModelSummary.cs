using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;

namespace Lockstep.Training;

/// <summary>One layer of the job file, with all within it.</summary>
/// <param name="Input">Shape of one sample that goes in.</param>
/// <param name="Output">Shape of one sample that comes out.</param>
/// <param name="Parameters">Elements of its parameters.</param>
public sealed record LayerSummary(LayerKind Kind, IReadOnlyList<int> Input, IReadOnlyList<int> Output, long Parameters);

/// <summary>A model's layers and sizes, without a tensor or libtorch.</summary>
/// <param name="Kept">Numbers of one sample that are kept for the way back.</param>
/// <param name="MinimumSlotSamples">As <see cref="NeuralModel.MinimumSlotSamples"/>.</param>
public sealed record ModelSummary(IReadOnlyList<LayerSummary> Layers, long Parameters, long Buffers, long Kept, int MinimumSlotSamples)
{
    /// <param name="fields">Of the data.</param>
    /// <exception cref="InputException">Shapes, layers, loss and metrics don't fit together.</exception>
    public static ModelSummary Of(JobSpec job, IReadOnlyList<DataField> fields)
    {
        ModelPlan plan = ModelPlan.Create(job, LabelNeeds.OfLayers(job, fields));
        long Elements(TensorKind kind, Range range) => plan.Tensors.Take(range).Where(t => t.Spec.Kind == kind).Sum(t => t.Spec.Elements);
        return new ModelSummary(
            [.. plan.Row.Layers.Select(layer => new LayerSummary(layer.Kind, layer.Input, layer.Output, Elements(TensorKind.Parameter, layer.Tensors)))],
            Elements(TensorKind.Parameter, ..),
            Elements(TensorKind.Buffer, ..),
            plan.Row.Layers.Sum(layer => layer.Kept),
            plan.MinimumSlotSamples);
    }
}

using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Layout;
using Lockstep.Core.Sampling;
using Lockstep.Training;
using Lockstep.Worker.Jobs;

namespace Lockstep.Worker.Tools;

/// <summary>Looks a job's model through. That of layers does without libtorch; any other is made, and a slot of it computed.</summary>
internal static class ModelCheck
{
    /// <exception cref="InputException">The model does not fit the job or the data, or its own code failed.</exception>
    public static (CheckedModel Model, IReadOnlyList<InputError> Warnings) Run(JobSpec spec, JobData data, ComponentCatalog catalog)
    {
        if (spec.Model.IsLayers)
        {
            CheckedModel layers = OfLayers(spec, data);
            if (spec.Model.Weights is null)
            {
                return (layers, []);
            }

            using NeuralModel built = NeuralModel.Build(spec, data.Train.Fields, catalog);
            return (layers, [.. PreparedJob.WeightWarnings(spec, built)]);
        }

        using NeuralModel model = NeuralModel.Build(spec, data.Train.Fields, catalog);
        using var trainer = new SlotTrainer(spec, model, data.Train, data.Validation);
        StepSampler sampler = PreparedJob.Sampler(spec, data.Train.Count, model.MinimumSlotSamples);
        var samples = new List<long>();
        sampler.SlotSamples(0, 0, samples);
        trainer.Run(0, 0, [.. samples], sampler.SamplesInStep(0), new float[model.ElementCount]);
        if (data.Validation is { } validation)
        {
            trainer.Evaluate([.. Enumerable.Range(0, (int)Math.Min(samples.Count, validation.Count)).Select(i => (long)i)]);
        }

        long parameters = model.Tensors.Where(tensor => tensor.Kind == TensorKind.Parameter).Sum(tensor => tensor.Elements);
        int[] input = [.. data.Train.Fields.Where(field => !field.IsLabel).SelectMany(field => field.Shape).Select(size => (int)size)];
        var row = new CheckedLayer(spec.Model.Name ?? Path.GetFileName(spec.Model.Torchscript)!, input, model.Outputs is { } outputs ? [outputs] : [], parameters);
        return (Describe(spec, [row], parameters, model.ElementCount - parameters, 0, sampler), [.. PreparedJob.WeightWarnings(spec, model)]);
    }

    private static CheckedModel OfLayers(JobSpec spec, JobData data)
    {
        ModelSummary model = ModelSummary.Of(spec, data.Train.Fields);
        StepSampler sampler = PreparedJob.Sampler(spec, data.Train.Count, model.MinimumSlotSamples);
        long slotSamples = (spec.GlobalBatch + spec.Slots - 1) / spec.Slots;
        // Forward values are kept for the way back, where as many gradients are.
        long between = 2 * slotSamples * model.Kept;
        return Describe(spec, [.. model.Layers.Select(layer => new CheckedLayer(JobWords.Of(layer.Kind), layer.Input, layer.Output, layer.Parameters))], model.Parameters, model.Buffers, between, sampler);
    }

    /// <param name="between">Numbers between layers; 0: nobody knows how many.</param>
    private static CheckedModel Describe(JobSpec spec, IReadOnlyList<CheckedLayer> layers, long parameters, long buffers, long between, StepSampler sampler)
    {
        int moments = spec.Optimizer.Kind switch
        {
            OptimizerKind.Adam or OptimizerKind.AdamW => 2,
            OptimizerKind.Adagrad => 1,
            _ => spec.Optimizer.Momentum > 0 ? 1 : 0,
        };
        long elements = parameters + buffers;
        return new CheckedModel(layers, parameters, buffers, sizeof(float) * (elements + (moments * parameters) + (spec.Optimizer.AverageDecay is null ? 0 : elements)), sizeof(float) * ((2 * elements) + between), sampler.StepsPerEpoch, PreparedJob.TotalSteps(spec, sampler));
    }
}

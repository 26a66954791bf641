using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Sampling;
using Lockstep.Data;
using Lockstep.Training;
using Lockstep.Worker.Jobs;

namespace Lockstep.Worker.Tools;

/// <summary>Looks through a job's data, its model and this machine, before anything is trained. Does without libtorch, so that it is soon there.</summary>
internal sealed class CheckTool(CheckRequest request, TextWriter output)
{
    private const int ShownSamples = 3;
    private const int ShownFeatures = 12;

    public int Run(CancellationToken cancellation)
    {
        JobSpec spec = JobFile.FromCanonicalJson(File.ReadAllText(request.Job));
        output.WriteLine(Look(spec, cancellation).ToJson());
        return 0;
    }

    private CheckReport Look(JobSpec spec, CancellationToken cancellation)
    {
        OpenedData data;
        try
        {
            data = DataSets.Open(spec.Data, spec.Loss, spec.Seed, request.Cache, cancellation, new ProgressLines(output, TimeProvider.System));
        }
        catch (InputException exception)
        {
            return new CheckReport(exception.Errors, [], null, null);
        }

        using (data)
        {
            CheckedData read = Describe(data);
            try
            {
                CheckedModel model = Describe(spec, data);
                return new CheckReport(WeightErrors(spec, data), [.. data.Warnings, .. OfMachine(spec, model)], read, model);
            }
            catch (InputException exception)
            {
                return new CheckReport([.. WeightErrors(spec, data), .. exception.Errors], data.Warnings, read, null);
            }
        }
    }

    private static IReadOnlyList<InputError> WeightErrors(JobSpec spec, OpenedData data)
    {
        try
        {
            ClassWeighting.Of(spec.ClassWeights, data.Normalization);
            return [];
        }
        catch (InputException exception)
        {
            return exception.Errors;
        }
    }

    private static CheckedData Describe(OpenedData data)
    {
        IDataSet train = data.Train;
        var samples = new List<CheckedSample>();
        for (long id = 0; id < Math.Min(ShownSamples, train.Count); id++)
        {
            var features = new float[train.FeatureCount];
            var labels = new float[train.LabelWidth];
            train.Read([id], features, labels);
            samples.Add(new CheckedSample(features[..Math.Min(ShownFeatures, features.Length)], labels));
        }

        return new CheckedData(train.Count, data.Validation?.Count ?? 0, train.SampleShape, data.Normalization.Features, train.Classes, data.Normalization.ClassNames, samples);
    }

    private static CheckedModel Describe(JobSpec spec, OpenedData data)
    {
        ModelSummary model = ModelSummary.Of(spec, data.Train.SampleShape, NeuralModel.OutputsFor(spec, data.Train));
        StepSampler sampler = OpenedJob.Sampler(spec, data.Train.Count, model.MinimumSlotSamples);
        int moments = spec.Optimizer.Kind switch
        {
            OptimizerKind.Adam or OptimizerKind.AdamW => 2,
            OptimizerKind.Adagrad => 1,
            _ => spec.Optimizer.Momentum > 0 ? 1 : 0,
        };
        long elements = model.Parameters + model.Buffers;
        long slotSamples = (spec.GlobalBatch + spec.Slots - 1) / spec.Slots;
        // Forward values are kept for the way back, where as many gradients are.
        long between = 2 * slotSamples * model.Layers.Sum(layer => Elements(layer.Output));
        return new CheckedModel(
            [.. model.Layers.Select(layer => new CheckedLayer(JobWords.Of(layer.Kind), layer.Input, layer.Output, layer.Parameters))],
            model.Parameters,
            model.Buffers,
            sizeof(float) * (elements + (moments * model.Parameters)),
            sizeof(float) * ((2 * elements) + between),
            sampler.StepsPerEpoch,
            OpenedJob.TotalSteps(spec, sampler));
    }

    private IEnumerable<InputError> OfMachine(JobSpec spec, CheckedModel model)
    {
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        long needed = model.StateBytes + (request.Workers * model.WorkerBytes);
        if (needed > memory)
        {
            yield return new InputError(InputException.JobFile, 0, $"{Amount.Of(request.Workers, "worker")} and the shards need {Megabytes(needed)} at least for the model and what lies between its layers, and this machine has {Megabytes(memory)}.", "Make the model or 'globalBatch' smaller, or 'slots' larger, or train on more machines.");
        }

        long kept = model.StateBytes * (spec.Checkpoint.Keep + 1);
        long free = new DriveInfo(request.Disk).AvailableFreeSpace;
        if (kept > free)
        {
            yield return new InputError(request.Disk, 0, $"{Amount.Of(spec.Checkpoint.Keep, "checkpoint")} and the model take {Megabytes(kept)}, and {Megabytes(free)} are free on this disk.", "Free some space, choose another folder with --output, or lower 'checkpoint.keep'.");
        }
    }

    private static long Elements(IReadOnlyList<int> shape) => shape.Aggregate(1L, (product, size) => product * size);

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:N0} MB");
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Metrics;
using Lockstep.Data;
using Lockstep.Training;
using Lockstep.Worker.Jobs;

namespace Lockstep.Worker.Tools;

/// <summary>Measures a model file on data, in slots of fixed size.</summary>
internal sealed class EvaluateTool(EvaluateRequest request, TextWriter output)
{
    private const int SlotSamples = 1024;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    public int Run(CancellationToken cancellation)
    {
        SafeTensorsFile file = SafeTensors.Read(request.Model);
        JobSpec spec = JobFile.FromCanonicalJson(Metadata(file, OpenedJob.JobKey));
        TorchRuntime.UseThreads(spec.ThreadsPerWorker);
        using IDataSet data = OpenData(spec, file, cancellation);
        using NeuralModel model = NeuralModel.Build(spec, data.SampleShape, NeuralModel.OutputsFor(spec, data));
        model.Load(Flatten(file, model));
        using var trainer = new SlotTrainer(spec, model, data, data);
        IReadOnlyDictionary<string, double> metrics = MetricMath.Finish(spec.Loss, spec.Metrics, Parts(trainer, data.Count, cancellation));
        if (request.Json)
        {
            output.WriteLine(JsonSerializer.Serialize(new { model = request.Model, samples = data.Count, metrics }, Json));
            return 0;
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{data.Count} samples"));
        foreach ((string name, double value) in metrics)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-10}{value:G6}"));
        }

        return 0;
    }

    private IDataSet OpenData(JobSpec spec, SafeTensorsFile file, CancellationToken cancellation)
    {
        if (request.Data is null)
        {
            OpenedData opened = DataSets.Open(JobBeside(spec).Data, spec.Loss, spec.Seed, request.Cache, cancellation);
            if (opened.Validation is { } validation)
            {
                return new Owned(validation, opened);
            }

            opened.Dispose();
            throw new InputException(request.Model, 0, "The job of this model has no validation data.", "Name a data file with --data.");
        }

        NormalizationTable table;
        try
        {
            table = NormalizationTable.FromMetadata(Metadata(file, OpenedJob.NormalizationKey));
        }
        catch (JsonException exception)
        {
            throw new InputException(request.Model, 0, $"The model's normalisation cannot be read: {exception.Message}", "Give a model that lockstep wrote.");
        }

        return DataSets.OpenForEvaluation(spec.Data with { Train = request.Data, TrainMore = [], TrainLabels = request.Labels, Validation = null, ValidationMore = [], ValidationLabels = null, Split = null }, spec.Loss, table, request.Cache, cancellation);
    }

    /// <summary>The job in the model's folder: the model file itself names its data, and not where they lie.</summary>
    private JobSpec JobBeside(JobSpec spec)
    {
        const string Remedy = "Name a data file with --data, or evaluate the run's folder.";
        string path = new RunFolder(Path.GetDirectoryName(request.Model)!).Job;
        if (!File.Exists(path))
        {
            throw new InputException(request.Model, 0, $"There is no job.yaml beside the model, which would say where its data ({spec.Data.Validation ?? spec.Data.Train}) lie.", Remedy);
        }

        JobSpec beside = JobFile.Load(path, []);
        return JobFile.Hash(beside) == JobFile.Hash(spec) ? beside : throw new InputException(path, 0, "This is the job of another model than the one beside it.", Remedy);
    }

    private string Metadata(SafeTensorsFile file, string key) => file.Metadata.TryGetValue(key, out string? text)
        ? text
        : throw new InputException(request.Model, 0, $"The model file has no '{key}' in its metadata.", "Give a model that lockstep wrote.");

    private float[] Flatten(SafeTensorsFile file, NeuralModel model)
    {
        Dictionary<string, NamedTensor> byName = file.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        var flat = new List<float>();
        foreach (var tensor in model.Tensors)
        {
            if (!byName.TryGetValue(tensor.Name, out NamedTensor? found) || !found.Shape.SequenceEqual(tensor.Shape))
            {
                throw new InputException(request.Model, 0, $"The model file has no tensor {tensor.Name} of [{string.Join(", ", tensor.Shape)}], which its job has.", "Give a model that lockstep wrote.");
            }

            flat.AddRange(found.Values);
        }

        return [.. flat];
    }

    private static IEnumerable<EvaluationPart> Parts(SlotTrainer trainer, long count, CancellationToken cancellation)
    {
        for (long first = 0; first < count; first += SlotSamples)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return trainer.Evaluate([.. Enumerable.Range(0, (int)Math.Min(SlotSamples, count - first)).Select(i => first + i)]);
        }
    }

    /// <summary>The validation part of a job's data, which is closed as a whole.</summary>
    private sealed class Owned(IDataSet inner, OpenedData owner) : IDataSet
    {
        public long Count => inner.Count;
        public int FeatureCount => inner.FeatureCount;
        public IReadOnlyList<int> SampleShape => inner.SampleShape;
        public int LabelWidth => inner.LabelWidth;
        public int? Classes => inner.Classes;
        public string Fingerprint => inner.Fingerprint;

        public void Read(ReadOnlySpan<long> sampleIds, Span<float> features, Span<float> labels) => inner.Read(sampleIds, features, labels);

        public void Dispose() => owner.Dispose();
    }
}

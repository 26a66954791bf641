using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Metrics;
using Lockstep.Data;
using Lockstep.Training;

namespace Lockstep.Worker.Tools;

/// <summary>Measures a model file on data, in slots of one size.</summary>
internal sealed class EvaluateTool(EvaluateRequest request, ComponentCatalog catalog, TextWriter output)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public int Run(CancellationToken cancellation)
    {
        var stored = new StoredModel(request.Model);
        JobSpec spec = stored.Spec;
        using JobData data = OpenData(stored, cancellation);
        IDataSource samples = data.Validation!;
        // What is wrong with labels is told of the file that they are in.
        using NeuralModel model = stored.Build(samples.Fields, catalog, request.Data ?? spec.Data.Train);
        using var trainer = new SlotTrainer(spec, model, samples, samples, stored.ClassWeights(data));
        IReadOnlyList<string> classes = stored.ClassNames(data);
        Measurement measured = MetricMath.Finish(MetricLayout.Of(spec, classes.Count, data.LabelColumns), classes, Parts(trainer, samples.Count, model.SamplesAtOnce, cancellation));
        if (request.Json)
        {
            output.WriteLine(JsonSerializer.Serialize(new { model = request.Model, samples = samples.Count, metrics = measured.Values, details = measured.Details }, Json));
            return 0;
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{samples.Count} samples"));
        foreach ((string name, double value) in measured.Values)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-10}{value:G6}"));
        }

        foreach (string line in EvaluationLines.Of(measured.Details))
        {
            output.WriteLine(line);
        }

        return 0;
    }

    private JobData OpenData(StoredModel stored, CancellationToken cancellation)
    {
        JobSpec spec = stored.Spec;
        if (request.Data is { } path)
        {
            return JobData.OfValidation(DataSets.OpenForEvaluation(stored.DataAt(path, request.Labels), spec.Loss, stored.Table, request.Cache, cancellation), stored.Table);
        }

        JobData opened = JobData.Open(JobBeside(spec), catalog, request.Cache, cancellation);
        if (opened.Validation is not null)
        {
            return opened;
        }

        opened.Dispose();
        throw new InputException(request.Model, 0, "The job of this model has no validation data.", "Name a data file with --data.");
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

    private static IEnumerable<EvaluationPart> Parts(SlotTrainer trainer, long count, int samples, CancellationToken cancellation)
    {
        for (long first = 0; first < count; first += samples)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return trainer.Evaluate([.. Enumerable.Range(0, (int)Math.Min(samples, count - first)).Select(i => first + i)]);
        }
    }
}

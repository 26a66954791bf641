using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;
using Lockstep.Data;
using Lockstep.Training;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Jobs;

/// <summary>A job prepared for work, with its data, model, plan and trainer: all that follows from the job and its files, alike in every worker. Made, used and disposed on the compute thread.</summary>
internal sealed class PreparedJob : IDisposable
{
    /// <summary>Key in the model's metadata: <see cref="JobFile.WithoutPlace"/> as canonical JSON, so that equal runs have equal files.</summary>
    public const string JobKey = "lockstep.job";

    /// <summary>Key in the model's metadata: <see cref="NormalizationTable.ToMetadata"/>.</summary>
    public const string NormalizationKey = "lockstep.normalization";

    /// <summary>Key in the model's metadata: SHA-256 of the job's TorchScript file, hexadecimal; none where the model is no such.</summary>
    public const string ScriptKey = "lockstep.torchscript";

    /// <summary>Key in the model's metadata: inputs and labels of the data, as <see cref="FieldsJson"/> writes them.</summary>
    public const string FieldsKey = "lockstep.fields";

    public static readonly JsonSerializerOptions FieldsJson = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) } };

    private readonly JobData _data;
    private readonly NeuralModel _model;

    private PreparedJob(JobSpec spec, JobData data, NeuralModel model, float[]? classWeights, TrainingPlan plan)
    {
        Spec = spec;
        _data = data;
        _model = model;
        Plan = plan;
        Trainer = new TorchTrainer(new SlotTrainer(spec, model, data.Train, data.Validation, classWeights), data.Validation?.Count ?? 0);
    }

    public JobSpec Spec { get; }
    public TrainingPlan Plan { get; }
    public ITrainer Trainer { get; }

    /// <value>What is no error in the data and nobody will have meant.</value>
    public IReadOnlyList<InputError> Warnings => [.. _data.Warnings, .. WeightWarnings(Spec, _model)];

    /// <summary>Opens data and model, and works out what the shards must know.</summary>
    /// <param name="resumeStep">Checkpoint to start from.</param>
    /// <param name="acceptsClass">It may be of another determinism class.</param>
    /// <param name="acceptsCode">It may be of another identity of code.</param>
    /// <param name="catalog">The models and data sources of this program's own.</param>
    /// <exception cref="InputException">The data or the model do not fit the job, or the checkpoint not this machine.</exception>
    public static PreparedJob Prepare(JobSpec spec, string jobId, RunFolder run, long? resumeStep, bool acceptsClass, bool acceptsCode, ComponentCatalog catalog, CancellationToken cancellation)
    {
        string determinismClass = ClassOf(spec, catalog);
        if (resumeStep is > 0 and { } step && CheckpointSet.ClassOf(run.Checkpoints, step) is { } theirs && !OtherClass.IsAccepted(theirs, determinismClass, acceptsClass, acceptsCode))
        {
            throw new InputException(run.Path, 0, OtherClass.Problem($"The checkpoint of step {step}", theirs, determinismClass), OtherClass.Remedy(theirs, determinismClass));
        }

        string cache = DataCache.Find() ?? run.Cache;
        JobData data = JobData.Open(spec, catalog, cache, cancellation);
        NeuralModel? model = null;
        try
        {
            TorchRuntime.UseThreads(spec.ThreadsPerWorker);
            model = NeuralModel.Build(spec, data.Train.Fields, catalog);
            StepSampler sampler = Sampler(spec, data.Train.Count, model.MinimumSlotSamples);
            var descriptor = new JobDescriptor
            {
                JobId = jobId,
                Tensors = model.Tensors,
                Shards = spec.Shards,
                Slots = spec.Slots,
                Optimizer = spec.Optimizer,
                Schedule = spec.Schedule,
                TotalSteps = TotalSteps(spec, sampler),
                StepsPerEpoch = sampler.StepsPerEpoch,
                Seed = spec.Seed,
                Contribution = spec.Contribution,
                Pull = spec.Pull,
                CheckpointEvery = spec.Checkpoint.Every,
                CheckpointKeep = spec.Checkpoint.Keep,
                CheckpointDirectory = run.Checkpoints,
                ResumeStep = resumeStep,
                AcceptsClass = acceptsClass,
                AcceptsCode = acceptsCode,
                EvaluationSlots = EvaluationSlots.Count(data.Validation?.Count ?? 0, spec.Slots),
                Best = BestPlan.Of(spec, data.LabelColumns),
                ClassNames = data.ClassNames(),
                LabelColumns = data.LabelColumns,
                DeterminismClass = determinismClass,
                JobHash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{JobFile.Hash(spec)}|{data.Fingerprint}{string.Concat(spec.Model.Files().Select(file => $"|{SourceHashes.Of(file.Path, cache)}"))}"))),
                ModelMetadata = Metadata(spec, data, cache),
            };
            return new PreparedJob(spec, data, model, data.ClassWeights(spec.ClassWeights), new TrainingPlan(descriptor, sampler, new ModelLayout(descriptor.Tensors, descriptor.Shards)));
        }
        catch
        {
            model?.Dispose();
            data.Dispose();
            throw;
        }
    }

    /// <summary>The determinism class of a job here, with the identity of code where it takes some.</summary>
    public static string ClassOf(JobSpec spec, ComponentCatalog catalog) => OtherClass.With(TorchRuntime.DeterminismClass(spec.ThreadsPerWorker), spec.HasOwnCode ? CodeIdentity.Of(catalog) : null);

    /// <summary>What of a file of initial values does not fit the model, where the job allows that.</summary>
    public static IEnumerable<InputError> WeightWarnings(JobSpec spec, NeuralModel model) =>
        model.Misfits.Count == 0 ? [] : [new InputError(spec.Model.Weights!, 0, $"Not all of the file fits the model: {string.Join("; ", model.Misfits)}.", "What fits is taken; the rest begins as it would without the file.")];

    private static SortedDictionary<string, string> Metadata(JobSpec spec, JobData data, string cache)
    {
        var metadata = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            [JobKey] = JobFile.ToCanonicalJson(JobFile.WithoutPlace(spec)),
            [FieldsKey] = JsonSerializer.Serialize(data.Train.Fields, FieldsJson),
        };
        if (data.Normalization is { } table)
        {
            metadata[NormalizationKey] = table.ToMetadata();
        }

        if (spec.Model.Torchscript is { } script)
        {
            metadata[ScriptKey] = JsonSerializer.Serialize(SourceHashes.Of(script, cache));
        }

        return metadata;
    }

    public static long TotalSteps(JobSpec spec, StepSampler sampler) => spec.Steps ?? (spec.Epochs!.Value * sampler.StepsPerEpoch);

    public void Dispose()
    {
        Trainer.Dispose();
        _model.Dispose();
        _data.Dispose();
    }

    /// <exception cref="InputException">There are too few samples.</exception>
    public static StepSampler Sampler(JobSpec spec, long samples, int minimum)
    {
        if (samples < minimum || spec.GlobalBatch < minimum)
        {
            throw new InputException(spec.Data.Train.Length > 0 ? spec.Data.Train : InputException.JobFile, 0, $"{samples} training samples in steps of {spec.GlobalBatch} are too few: batch normalisation needs {minimum} in a slot.", "Give more data, or raise 'globalBatch'.");
        }

        return new StepSampler(samples, spec.GlobalBatch, spec.Slots, spec.Seed, minimum);
    }
}

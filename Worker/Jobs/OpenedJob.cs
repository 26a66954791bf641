using System.Security.Cryptography;
using System.Text;
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

/// <summary>A job with its data, model and trainer: all that follows from the job and its files, alike in every worker. Made, used and disposed on the compute thread.</summary>
internal sealed class OpenedJob : IDisposable
{
    /// <summary>Key in the model's metadata: <see cref="JobFile.WithoutPlace"/> as canonical JSON, so that equal runs have equal files.</summary>
    public const string JobKey = "lockstep.job";

    /// <summary>Key in the model's metadata: <see cref="NormalizationTable.ToMetadata"/>.</summary>
    public const string NormalizationKey = "lockstep.normalization";

    private readonly OpenedData _data;
    private readonly NeuralModel _model;

    private OpenedJob(JobSpec spec, OpenedData data, NeuralModel model, float[]? classWeights, TrainingJob job)
    {
        Spec = spec;
        _data = data;
        _model = model;
        Job = job;
        Trainer = new TorchTrainer(new SlotTrainer(spec, model, data.Train, data.Validation, classWeights), data.Validation?.Count ?? 0);
    }

    public JobSpec Spec { get; }
    public TrainingJob Job { get; }
    public ITrainer Trainer { get; }

    /// <value>What is no error in the data and nobody will have meant.</value>
    public IReadOnlyList<InputError> Warnings => _data.Warnings;

    /// <summary>Opens data and model, and works out what the shards must know.</summary>
    /// <param name="resumeStep">Checkpoint to start from.</param>
    /// <param name="acceptsClass">It may be of another determinism class.</param>
    /// <exception cref="InputException">The data or the model do not fit the job, or the checkpoint not this machine.</exception>
    public static OpenedJob Open(JobSpec spec, string jobId, RunFolder run, long? resumeStep, bool acceptsClass, CancellationToken cancellation)
    {
        string determinismClass = TorchRuntime.DeterminismClass(spec.ThreadsPerWorker);
        if (resumeStep is > 0 and { } step && !acceptsClass && CheckpointSet.ClassOf(run.Checkpoints, step) is { } theirs && theirs != determinismClass)
        {
            throw new InputException(run.Path, 0, OtherClass.Problem($"The checkpoint of step {step}", theirs, determinismClass), OtherClass.Remedy);
        }

        OpenedData data = DataSets.Open(spec.Data, spec.Loss, spec.Seed, DataCache.Find() ?? run.Cache, cancellation);
        NeuralModel? model = null;
        try
        {
            TorchRuntime.UseThreads(spec.ThreadsPerWorker);
            model = NeuralModel.Build(spec, data.Train.SampleShape, NeuralModel.OutputsFor(spec, data.Train));
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
                CheckpointEvery = spec.Checkpoint.Every,
                CheckpointKeep = spec.Checkpoint.Keep,
                CheckpointDirectory = run.Checkpoints,
                ResumeStep = resumeStep,
                AcceptsClass = acceptsClass,
                EvaluationSlots = EvaluationSlots.Count(data.Validation?.Count ?? 0, spec.Slots),
                Best = BestPlan.Of(spec),
                ClassNames = data.Normalization.NamesOfClasses(),
                DeterminismClass = determinismClass,
                JobHash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{JobFile.Hash(spec)}|{data.Fingerprint}"))),
                ModelMetadata = new SortedDictionary<string, string>(StringComparer.Ordinal)
                {
                    [JobKey] = JobFile.ToCanonicalJson(JobFile.WithoutPlace(spec)),
                    [NormalizationKey] = data.Normalization.ToMetadata(),
                },
            };
            return new OpenedJob(spec, data, model, ClassWeighting.Of(spec.ClassWeights, data.Normalization), new TrainingJob(descriptor, sampler, new ModelLayout(descriptor.Tensors, descriptor.Shards)));
        }
        catch
        {
            model?.Dispose();
            data.Dispose();
            throw;
        }
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
            throw new InputException(spec.Data.Train, 0, $"{samples} training samples in steps of {spec.GlobalBatch} are too few: batch normalisation needs {minimum} in a slot.", "Give more data, or raise 'globalBatch'.");
        }

        return new StepSampler(samples, spec.GlobalBatch, spec.Slots, spec.Seed, minimum);
    }
}

using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Metrics;
using Lockstep.Core.Sampling;
using Lockstep.Data;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>
/// Computes slots. A slot is a pure function of (job, step, slot, parameters): no result depends on what this object computed before, nor on which process it lives in.
/// Not thread-safe; call it from one thread at a time.
/// </summary>
/// <param name="model">Stays the caller's, as the data do, and alone holds the version that was loaded last.</param>
/// <param name="validation">Needed by <see cref="Evaluate"/> only.</param>
/// <param name="classWeights">What a sample counts in the loss, by its class; null: all count alike.</param>
public sealed class SlotTrainer(JobSpec job, NeuralModel model, IDataSource train, IDataSource? validation = null, float[]? classWeights = null) : IDisposable
{
    private readonly Tensor? weights = classWeights is null ? null : torch.tensor(classWeights).to(TorchRuntime.Device).DetachFromDisposeScope();
    private readonly BatchReader training = new(job.Loss, train, job.Seed);
    private readonly BatchReader? evaluation = validation is null ? null : new(job.Loss, validation, seed: null);
    private readonly SlotMetrics? metrics = validation is null ? null : new(job, LabelNeeds.Label(validation.Fields));
    // Of the process: one object of its own each time it is asked for.
    private readonly torch.Generator generator = torch.Generator.Default;

    /// <summary>For data of the job file's formats.</summary>
    public SlotTrainer(JobSpec job, NeuralModel model, IDataSet train, IDataSet? validation = null, float[]? classWeights = null) : this(job, model, new DataSetSource(train), validation is null ? null : new DataSetSource(validation), classWeights)
    {
    }

    /// <value>Length of the flat model vector.</value>
    public long ElementCount => model.ElementCount;

    /// <summary>Copies version 0.</summary>
    /// <param name="flat">[ElementCount], overwritten.</param>
    public void CopyInitial(Span<float> flat) => model.CopyInitial(flat);

    /// <summary>Sets parameters and buffers to version v, which the slots that follow are computed at.</summary>
    /// <param name="flat">[ElementCount]</param>
    public void Load(ReadOnlySpan<float> flat) => model.Load(flat);

    /// <summary>As the other, from pieces.</summary>
    /// <param name="parts">[ElementCount] in all, in model order.</param>
    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts) => model.Load(parts);

    /// <summary>Reads a slot's samples ahead, so that <see cref="Run"/> finds them decoded. From any thread, also while another slot is computed.</summary>
    /// <returns>False: as much is read ahead as there is room for.</returns>
    public bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds) => training.Prepare(step, slot, sampleIds);

    /// <summary>Computes one slot at the version that was loaded.</summary>
    /// <param name="sampleIds">The slot's samples; may be empty.</param>
    /// <param name="stepSampleCount">Samples of the whole step.</param>
    /// <param name="gradient">
    /// [ElementCount], overwritten. Parameters: Σ over the slot's samples of ∂loss/∂parameter, divided by stepSampleCount.
    /// Buffers: (samples of the slot / stepSampleCount) · (buffer after − buffer at v). An empty slot gives zeros.
    /// </param>
    public SlotResult Run(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
    {
        if (gradient.Length != ElementCount)
        {
            throw new ArgumentException($"The model has {ElementCount} elements, the gradient {gradient.Length}.", nameof(gradient));
        }

        if (sampleIds.IsEmpty)
        {
            gradient.Clear();
            return new(0, 0);
        }

        if (sampleIds.Length > stepSampleCount || sampleIds.Length < model.MinimumSlotSamples)
        {
            throw new ArgumentException($"A slot of this model takes {model.MinimumSlotSamples} to {stepSampleCount} samples, not {sampleIds.Length}.", nameof(sampleIds));
        }

        using var scope = torch.NewDisposeScope();
        var batch = training.Take(step, slot, sampleIds);
        try
        {
            Seed(step, slot);
            var outputs = model.Train(step, batch.InputsOn(TorchRuntime.Device));
            var lossSum = SlotLoss.Sum(job, model, outputs, batch, weights);
            var gradients = Gradients(lossSum / stepSampleCount);
            model.Collect(gradients, (double)sampleIds.Length / stepSampleCount, gradient);
            return new(sampleIds.Length, lossSum.item<float>());
        }
        finally
        {
            training.GiveBack(batch);
        }
    }

    /// <summary>Evaluates samples of the validation data at the version that was loaded: dropout off, batch norm by its buffers.</summary>
    /// <exception cref="InvalidOperationException">There is no validation data.</exception>
    public EvaluationPart Evaluate(ReadOnlySpan<long> sampleIds)
    {
        if (evaluation is null || metrics is null)
        {
            throw new InvalidOperationException("The job has no validation data.");
        }

        if (sampleIds.IsEmpty)
        {
            return metrics.Empty;
        }

        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        var batch = evaluation.Read(sampleIds);
        try
        {
            var outputs = model.Evaluate(batch.InputsOn(TorchRuntime.Device));
            var lossSum = SlotLoss.Sum(job, model, outputs, batch, weights).item<float>();
            double[] own = model.Own is null || job.Model.Metrics.Count == 0 ? [] : OwnMetrics.Sums(job.Model.Metrics, model.Own, outputs, batch);
            return metrics.Measure(sampleIds.Length, lossSum, SlotLoss.Usual(outputs), batch.RawLabels, own);
        }
        finally
        {
            evaluation.GiveBack(batch);
        }
    }

    /// <summary>Lets go of what was read ahead; the model and the data stay the caller's.</summary>
    public void Dispose()
    {
        training.Dispose();
        evaluation?.Dispose();
        weights?.Dispose();
        generator.Dispose();
    }

    private void Seed(long step, int slot)
    {
        var seed = (long)(CounterRandom.Key(job.Seed, (ulong)step, (ulong)slot) >> 1);
        generator.manual_seed(seed);
        if (TorchRuntime.Device.type == DeviceType.CUDA)
        {
            torch.cuda.manual_seed(seed);
        }
    }

    private IList<Tensor?> Gradients(Tensor loss) => model.IsForeign
        ? UserCode.Run(() => ForeignGradients(loss), $"The gradient of the model '{job.Model.Name ?? Path.GetFileName(job.Model.Torchscript)}'")
        : [.. torch.autograd.grad([loss], model.Trainable)];

    /// <summary>What goes wrong on the way back through autograd.grad ends the process; what does through backward is thrown.</summary>
    private Tensor?[] ForeignGradients(Tensor loss)
    {
        loss.backward();
        var gradients = new Tensor?[model.Trainable.Length];
        for (var i = 0; i < gradients.Length; i++)
        {
            gradients[i] = model.Trainable[i].grad;
            model.Trainable[i].grad = null;
        }

        return gradients;
    }
}

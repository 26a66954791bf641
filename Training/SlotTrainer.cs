using Lockstep.Core.Sampling;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Data;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>
/// Computes slots. A slot is a pure function of (job, step, slot, parameters): no result depends on what this object computed before, nor on which process it lives in.
/// Not thread-safe; call it from one thread at a time.
/// </summary>
/// <param name="model">Stays the caller's, and alone holds the version that was loaded last.</param>
/// <param name="validation">Needed by <see cref="Evaluate"/> only.</param>
/// <param name="classWeights">What a sample counts in the loss, by its class; null: all count alike.</param>
public sealed class SlotTrainer(JobSpec job, NeuralModel model, IDataSet train, IDataSet? validation = null, float[]? classWeights = null) : IDisposable
{
    private readonly Tensor? weights = classWeights is null ? null : torch.tensor(classWeights).to(TorchRuntime.Device).DetachFromDisposeScope();
    private readonly Tensor[] parameters = [.. model.Tensors.Zip(model.Values).Where(t => t.First.Kind == TensorKind.Parameter).Select(t => t.Second)];
    private readonly float[] before = new float[model.Tensors.Where(t => t.Kind == TensorKind.Buffer).Select(t => (int)t.Elements).DefaultIfEmpty().Max()];
    private readonly BatchReader training = new(job, model.Input, train);
    private readonly BatchReader? evaluation = validation is null ? null : new(job, model.Input, validation);
    private readonly SlotMetrics? metrics = validation is null ? null : new(job, validation);
    // Of the process: one object of its own each time it is asked for.
    private readonly torch.Generator generator = torch.Generator.Default;

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
            var (output, after) = model.Train(batch.Features.to(TorchRuntime.Device));
            var lossSum = LossSum(output, batch.Labels.to(TorchRuntime.Device));
            var gradients = torch.autograd.grad([lossSum / stepSampleCount], parameters);
            CopyGradients(gradients, after, (double)sampleIds.Length / stepSampleCount, gradient);
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
            var output = model.Evaluate(batch.Features.to(TorchRuntime.Device));
            return metrics.Measure(LossSum(output, batch.Labels.to(TorchRuntime.Device)).item<float>(), output, batch.RawLabels);
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
        if (!model.IsRandom)
        {
            return;
        }

        var seed = (long)(CounterRandom.Key(job.Seed, (ulong)step, (ulong)slot) >> 1);
        generator.manual_seed(seed);
        if (TorchRuntime.Device.type == DeviceType.CUDA)
        {
            torch.cuda.manual_seed(seed);
        }
    }

    // Sum over samples of the sample's loss, times the weight of its class; mse and mae are means over the label's columns, as in torch.
    private Tensor LossSum(Tensor output, Tensor labels) => job.Loss switch
    {
        LossKind.Mse => F.mse_loss(output, labels, torch.nn.Reduction.Sum) / model.Outputs,
        LossKind.Mae => F.l1_loss(output, labels, torch.nn.Reduction.Sum) / model.Outputs,
        LossKind.CrossEntropy => F.cross_entropy(output, labels, weight: weights, reduction: torch.nn.Reduction.Sum),
        LossKind.BinaryCrossEntropy => F.binary_cross_entropy_with_logits(output, labels, weight: weights?.index_select(0, labels.flatten().to(torch.ScalarType.Int64)).view(labels.shape), reduction: torch.nn.Reduction.Sum),
        _ => throw new InvalidOperationException($"There is no loss {job.Loss}."),
    };

    private void CopyGradients(IList<Tensor> gradients, Tensor[] after, double share, Span<float> gradient)
    {
        var flatAt = 0;
        var parameter = 0;
        for (var i = 0; i < model.Tensors.Count; i++)
        {
            var length = (int)model.Tensors[i].Elements;
            var target = gradient.Slice(flatAt, length);
            flatAt += length;
            if (model.Tensors[i].Kind == TensorKind.Parameter)
            {
                NeuralModel.Read(gradients[parameter++], target);
                continue;
            }

            NeuralModel.Read(after[i], target);
            NeuralModel.Read(model.Values[i], before.AsSpan(0, length));
            for (var e = 0; e < length; e++)
            {
                target[e] = (float)(share * ((double)target[e] - before[e]));
            }
        }
    }
}

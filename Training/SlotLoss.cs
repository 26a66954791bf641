using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using TorchSharp;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Losses, as sums over samples.</summary>
internal static class SlotLoss
{
    /// <summary>1 − p of a focal loss is no less, where its power below 1 would have no slope.</summary>
    private const float LeastDoubt = 1e-7f;

    private static readonly LossOptions Usuals = new();

    /// <summary>The output that losses and metrics of the job file take; null: there is none.</summary>
    public static Tensor? Usual(IReadOnlyDictionary<string, Tensor> outputs) =>
        outputs.TryGetValue(ModelOutputs.Usual, out Tensor? usual) ? usual : outputs.Count == 1 ? outputs.Values.First() : null;

    /// <summary>The sum over samples of a sample's loss, times the weight of its class; mse, mae and huber are means over the label's columns, as in torch, and cross-entropy over the positions of a sequence.</summary>
    /// <param name="weights">[classes]: what a sample counts by its class; null: all count alike.</param>
    /// <returns>A single number with its gradient.</returns>
    public static Tensor Sum(JobSpec job, NeuralModel model, IReadOnlyDictionary<string, Tensor> outputs, Batch batch, Tensor? weights = null)
    {
        if (job.Loss == LossKind.Model)
        {
            return model.Own!.Loss(outputs, batch.LabelsOn(TorchRuntime.Device)).sum();
        }

        Tensor output = Usual(outputs)!, target = batch.Target!.to(TorchRuntime.Device);
        LossOptions options = job.LossOptions ?? Usuals;
        return job.Loss switch
        {
            LossKind.Mse => F.mse_loss(output, target, Reduction.Sum) / model.Outputs!.Value,
            LossKind.Mae => F.l1_loss(output, target, Reduction.Sum) / model.Outputs!.Value,
            LossKind.Huber => F.huber_loss(output, target, options.Delta ?? 1, Reduction.Sum) / model.Outputs!.Value,
            LossKind.CrossEntropy when target.dim() == 2 => OfClasses(output.flatten(0, 1), target.flatten(), weights, options) / target.size(1),
            LossKind.CrossEntropy => OfClasses(output, target, weights, options),
            LossKind.BinaryCrossEntropy => OfTwo(output, target, weights, options),
            _ => throw new InvalidOperationException($"There is no loss {job.Loss}."),
        };
    }

    /// <param name="output">[n, classes]</param>
    /// <param name="target">[n], int64</param>
    private static Tensor OfClasses(Tensor output, Tensor target, Tensor? weights, LossOptions options)
    {
        double smoothing = options.LabelSmoothing ?? 0;
        if (options.Focal is not { } power)
        {
            return F.cross_entropy(output, target, weight: weights, reduction: Reduction.Sum, label_smoothing: smoothing);
        }

        Tensor each = F.cross_entropy(output, target, weight: weights, reduction: Reduction.None, label_smoothing: smoothing);
        return (Doubt(F.cross_entropy(output, target, reduction: Reduction.None), power) * each).sum();
    }

    /// <param name="output">[samples, 1]</param>
    /// <param name="target">[samples, 1]: 0 or 1</param>
    private static Tensor OfTwo(Tensor output, Tensor target, Tensor? weights, LossOptions options)
    {
        Tensor? byClass = weights?.index_select(0, target.flatten().to(torch.ScalarType.Int64)).view(target.shape);
        Tensor? positive = options.PosWeight is { } weight ? torch.tensor([(float)weight], device: output.device) : null;
        if (options.Focal is not { } power)
        {
            return F.binary_cross_entropy_with_logits(output, target, weight: byClass, reduction: Reduction.Sum, pos_weights: positive);
        }

        Tensor each = F.binary_cross_entropy_with_logits(output, target, weight: byClass, reduction: Reduction.None, pos_weights: positive);
        return (Doubt(F.binary_cross_entropy_with_logits(output, target, reduction: Reduction.None), power) * each).sum();
    }

    /// <summary>(1 − p)^γ, where p is the probability of the right class (Lin et al. 2017).</summary>
    /// <param name="plain">−log p</param>
    private static Tensor Doubt(Tensor plain, double power) => (1 - (-plain).exp()).clamp_min(LeastDoubt).pow(power);
}

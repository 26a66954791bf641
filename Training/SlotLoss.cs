using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Losses, as sums over samples.</summary>
internal static class SlotLoss
{
    /// <summary>The output that losses and metrics of the job file take; null: there is none.</summary>
    public static Tensor? Usual(IReadOnlyDictionary<string, Tensor> outputs) =>
        outputs.TryGetValue(ModelOutputs.Usual, out Tensor? usual) ? usual : outputs.Count == 1 ? outputs.Values.First() : null;

    /// <summary>The sum over samples of a sample's loss, times the weight of its class; mse and mae are means over the label's columns, as in torch.</summary>
    /// <param name="weights">[classes]: what a sample counts by its class; null: all count alike.</param>
    /// <returns>A single number with its gradient.</returns>
    public static Tensor Sum(LossKind loss, NeuralModel model, IReadOnlyDictionary<string, Tensor> outputs, Batch batch, Tensor? weights = null)
    {
        if (loss == LossKind.Model)
        {
            return model.Own!.Loss(outputs, batch.LabelsOn(TorchRuntime.Device)).sum();
        }

        Tensor output = Usual(outputs)!, target = batch.Target!.to(TorchRuntime.Device);
        return loss switch
        {
            LossKind.Mse => F.mse_loss(output, target, torch.nn.Reduction.Sum) / model.Outputs!.Value,
            LossKind.Mae => F.l1_loss(output, target, torch.nn.Reduction.Sum) / model.Outputs!.Value,
            LossKind.CrossEntropy => F.cross_entropy(output, target, weight: weights, reduction: torch.nn.Reduction.Sum),
            LossKind.BinaryCrossEntropy => F.binary_cross_entropy_with_logits(output, target, weight: weights?.index_select(0, target.flatten().to(torch.ScalarType.Int64)).view(target.shape), reduction: torch.nn.Reduction.Sum),
            _ => throw new InvalidOperationException($"There is no loss {loss}."),
        };
    }
}

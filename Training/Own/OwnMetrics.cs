using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>The additive parts of a model's own metrics: of each the sum over samples, in float64 in sample order.</summary>
internal static class OwnMetrics
{
    public static double[] Sums(IReadOnlyList<string> metrics, OwnModel model, IReadOnlyDictionary<string, Tensor> outputs, Batch batch)
    {
        using var noGrad = torch.no_grad();
        IReadOnlyDictionary<string, Tensor> labels = batch.LabelsOn(TorchRuntime.Device);
        var sums = new double[metrics.Count];
        for (int i = 0; i < sums.Length; i++)
        {
            using Tensor values = model.Measure(metrics[i], outputs, labels).detach().to(torch.ScalarType.Float64).cpu();
            foreach (double value in values.data<double>())
            {
                sums[i] += value;
            }
        }

        return sums;
    }
}

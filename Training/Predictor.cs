using Lockstep.Contracts.Jobs;
using Lockstep.Data;
using TorchSharp;

namespace Lockstep.Training;

/// <summary>What a model says of samples. Not thread-safe.</summary>
/// <param name="model">Stays the caller's, as the data do.</param>
public sealed class Predictor(NeuralModel model, IDataSet data)
{
    private readonly DataSetSource _source = new(data);

    /// <summary>Evaluates samples: nothing is dropped, and batch norm goes by the buffers.</summary>
    /// <returns>[samples × model.Outputs], row-major; logits where the loss is a cross-entropy.</returns>
    public float[] Run(ReadOnlySpan<long> sampleIds)
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        using var batch = new Batch(sampleIds.Length, _source.Fields, LossKind.Model);
        batch.Fill(_source, sampleIds, slotSeed: null);
        var output = SlotLoss.Usual(model.Evaluate(batch.InputsOn(TorchRuntime.Device)))!;
        var values = new float[output.numel()];
        ModuleState.Read(output, values);
        return values;
    }

    /// <summary>The probability of each class.</summary>
    /// <param name="logits">Of one sample: one a class, or a single one of the second of two classes.</param>
    public static double[] Probabilities(ReadOnlySpan<float> logits)
    {
        if (logits.Length == 1)
        {
            double second = 1 / (1 + Math.Exp(-(double)logits[0]));
            return [1 - second, second];
        }

        var powers = new double[logits.Length];
        float largest = logits[0];
        foreach (float logit in logits)
        {
            largest = Math.Max(largest, logit);
        }

        double sum = 0;
        for (var i = 0; i < powers.Length; i++)
        {
            powers[i] = Math.Exp((double)logits[i] - largest);
            sum += powers[i];
        }

        for (var i = 0; i < powers.Length; i++)
        {
            powers[i] /= sum;
        }

        return powers;
    }
}

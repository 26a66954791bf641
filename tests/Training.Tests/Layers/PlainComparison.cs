using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using TorchSharp;
using static TorchSharp.torch.nn;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training.Tests.Layers;

/// <summary>A model of layers beside a plain module of torch with the same values: what comes out, and the gradient.</summary>
internal static class PlainComparison
{
    private static readonly long[] Ids = [0, 1, 2, 3, 4];

    /// <param name="tolerance">0: the same bits.</param>
    /// <param name="loss">Of output and target: the sum over samples.</param>
    public static void Check(JobSpec job, IDataSource data, Module<Tensor, Tensor> plain, Func<Tensor, Tensor, Tensor> loss, float tolerance)
    {
        using var scope = torch.NewDisposeScope();
        using NeuralModel model = NeuralModel.Build(job, data.Fields, ComponentCatalog.Empty);
        using var trainer = new SlotTrainer(job, model, data, data);
        var flat = new float[model.ElementCount];
        model.CopyInitial(flat);
        model.Load(flat);
        Dictionary<string, Tensor> state = plain.state_dict();
        Assert.Equal(model.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal), state.Keys.Where(key => !key.EndsWith("num_batches_tracked", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        int offset = 0;
        using (torch.no_grad())
        {
            foreach (var tensor in model.Tensors)
            {
                int length = (int)tensor.Elements;
                state[tensor.Name].copy_(torch.tensor(flat.AsSpan(offset, length).ToArray(), [.. tensor.Shape.Select(size => (long)size)]));
                offset += length;
            }
        }

        var gradient = new float[flat.Length];
        SlotResult ours = trainer.Run(0, 0, Ids, Ids.Length, gradient);
        using var batch = new Batch(Ids.Length, data.Fields, job.Loss);
        batch.Fill(data, Ids, null);
        Tensor input = batch.InputsOn(torch.CPU).Values.Single();
        plain.train();
        Tensor theirs = loss(plain.call(input), batch.Target!);
        (theirs / Ids.Length).backward();
        Near([theirs.item<float>()], [(float)ours.LossSum], tolerance * Ids.Length, "loss");
        offset = 0;
        foreach (var tensor in model.Tensors)
        {
            int length = (int)tensor.Elements;
            if (tensor.Kind == Core.Layout.TensorKind.Parameter)
            {
                Tensor of = plain.named_parameters().Single(p => p.name == tensor.Name).parameter.grad!;
                Near(of.contiguous().data<float>().ToArray(), gradient[offset..(offset + length)], tolerance, tensor.Name);
                Assert.Contains(gradient[offset..(offset + length)], value => value != 0);
            }

            offset += length;
        }

        // Evaluation, where buffers that did not move are the plain module's too.
        plain.eval();
        double[] evaluated = [trainer.Evaluate(Ids).LossSum];
        if (model.Tensors.All(tensor => tensor.Kind == Core.Layout.TensorKind.Parameter))
        {
            Near([loss(plain.call(input), batch.Target!).item<float>()], [(float)evaluated[0]], tolerance * Ids.Length, "evaluated loss");
        }
    }

    private static void Near(float[] expected, float[] actual, float tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(tolerance == 0 ? BitConverter.SingleToUInt32Bits(expected[i]) == BitConverter.SingleToUInt32Bits(actual[i]) : Math.Abs(expected[i] - actual[i]) <= tolerance, $"{what}[{i}] is {actual[i]:R}, of the plain module {expected[i]:R}.");
        }
    }
}

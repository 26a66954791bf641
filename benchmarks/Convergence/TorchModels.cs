using Lockstep.Contracts.Jobs;
using TorchSharp;
using static TorchSharp.torch;

namespace Lockstep.Convergence;

/// <summary>A job's model of torch.nn modules, put together here from its layers alone, so that it can be compared with Lockstep's own.</summary>
public static class TorchModels
{
    /// <param name="sampleShape">Of one sample, without the batch.</param>
    /// <exception cref="NotSupportedException">The model has a layer that is not compared.</exception>
    public static nn.Module<Tensor, Tensor> Create(JobSpec job, IReadOnlyList<int> sampleShape, int outputs)
    {
        var modules = new List<nn.Module<Tensor, Tensor>>();
        long[] shape = [.. (job.Model.Input ?? sampleShape).Select(s => (long)s)];
        foreach (LayerSpec layer in Layers(job.Model, outputs))
        {
            switch (layer.Kind)
            {
                case LayerKind.Flatten:
                    modules.Add(nn.Flatten());
                    shape = [shape.Aggregate((a, b) => a * b)];
                    break;
                case LayerKind.Linear:
                    modules.Add(nn.Linear(shape[0], layer.Out ?? outputs));
                    shape = [layer.Out ?? outputs];
                    break;
                case LayerKind.Conv2d:
                    (long kernel, long padding) = (layer.Kernel ?? 3, layer.Padding ?? 0);
                    modules.Add(nn.Conv2d(shape[0], layer.Out!.Value, kernel, padding: padding));
                    shape = [layer.Out.Value, shape[1] + (2 * padding) - kernel + 1, shape[2] + (2 * padding) - kernel + 1];
                    break;
                case LayerKind.MaxPool2d:
                    long window = layer.Kernel ?? 2;
                    modules.Add(nn.MaxPool2d(window));
                    shape = [shape[0], shape[1] / window, shape[2] / window];
                    break;
                case LayerKind.Relu:
                    modules.Add(nn.ReLU());
                    break;
                default:
                    throw new NotSupportedException($"A plain loop is not made for the layer {JobWords.Of(layer.Kind)}.");
            }
        }

        return nn.Sequential([.. modules]);
    }

    private static IEnumerable<LayerSpec> Layers(ModelSpec model, int outputs) => model.Preset switch
    {
        "mlp" =>
        [
            new() { Kind = LayerKind.Flatten },
            .. model.Hidden.SelectMany(width => new LayerSpec[] { new() { Kind = LayerKind.Linear, Out = width }, new() { Kind = LayerKind.Relu } }),
            new() { Kind = LayerKind.Linear, Out = outputs },
        ],
        "cnn" => [.. Convolution(16), .. Convolution(32), new() { Kind = LayerKind.Flatten }, new() { Kind = LayerKind.Linear, Out = 128 }, new() { Kind = LayerKind.Relu }, new() { Kind = LayerKind.Linear, Out = outputs }],
        _ => model.Layers,
    };

    private static LayerSpec[] Convolution(int channels) => [new() { Kind = LayerKind.Conv2d, Out = channels, Padding = 1 }, new() { Kind = LayerKind.Relu }, new() { Kind = LayerKind.MaxPool2d }];
}

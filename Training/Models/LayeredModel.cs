using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using TorchSharp;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>A module of a job file's layers, in a row. Tensors are named as in a torch Sequential of the same layers: <c>0.weight</c>, <c>0.bias</c>, <c>1.running_mean</c>.</summary>
internal sealed class LayeredModel : Module, ILockstepModel
{
    private readonly ModelPlan _plan;
    private readonly Tensor[] _values;
    private readonly Window[] _windows;
    private readonly long[] _input;

    /// <summary>Its values are zeros until they are set.</summary>
    public LayeredModel(ModelPlan plan) : base("layers")
    {
        _plan = plan;
        _values = [.. plan.Tensors.Select(Make)];
        _windows = [.. plan.Layers.Select(layer => new Window(layer))];
        _input = [-1, .. plan.Input.Select(size => (long)size)];
        foreach (var layer in plan.Tensors.Index().GroupBy(tensor => tensor.Item.Name.Split('.')[0]))
        {
            register_module(layer.Key, new LayerTensors(layer.Select(tensor => (tensor.Item.Name.Split('.')[1], _values[tensor.Index]))));
        }
    }

    public IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> inputs)
    {
        var x = inputs[DataSetSource.Features];
        bool isTraining = training;
        if (x.dim() != _input.Length || !x.shape.AsSpan(1).SequenceEqual(_input.AsSpan(1)))
        {
            x = x.view(_input);
        }

        for (var i = 0; i < _plan.Layers.Count; i++)
        {
            x = Apply(_plan.Layers[i], _windows[i], x, isTraining);
        }

        return ModelOutputs.Of(x);
    }

    private static Tensor Make(TensorSpec spec)
    {
        var zeros = torch.zeros([.. spec.Shape.Select(size => (long)size)]);
        return (spec.Kind == TensorKind.Parameter ? new TorchSharp.Modules.Parameter(zeros) : zeros).DetachFromDisposeScope();
    }

    private Tensor Apply(Layer layer, Window window, Tensor x, bool isTraining)
    {
        Tensor At(int i) => _values[layer.FirstTensor + i];
        return layer.Kind switch
        {
            LayerKind.Linear => F.linear(x, At(0), layer.Bias ? At(1) : null),
            LayerKind.Conv2d => F.conv2d(x, At(0), layer.Bias ? At(1) : null, window.Stride, window.Padding),
            LayerKind.MaxPool2d => F.max_pool2d(x, window.Size, window.Stride, window.Padding),
            LayerKind.AvgPool2d => F.avg_pool2d(x, window.Size, window.Stride, window.Padding),
            LayerKind.BatchNorm => F.batch_norm(x, At(2), At(3), At(0), At(1), isTraining, layer.Momentum, layer.Epsilon),
            LayerKind.LayerNorm => F.layer_norm(x, window.Input, At(0), At(1), layer.Epsilon),
            LayerKind.Dropout => F.dropout(x, layer.P, isTraining),
            LayerKind.Flatten => x.flatten(1),
            LayerKind.Relu => F.relu(x),
            LayerKind.Gelu => F.gelu(x),
            LayerKind.Tanh => x.tanh(),
            LayerKind.Sigmoid => x.sigmoid(),
            LayerKind.Softmax => F.softmax(x, 1),
            _ => throw new InvalidOperationException($"Layer kind {layer.Kind} was not refused when the model was built."),
        };
    }

    /// <summary>The tensors of one layer.</summary>
    private sealed class LayerTensors : Module
    {
        public LayerTensors(IEnumerable<(string Name, Tensor Value)> tensors) : base("layer")
        {
            foreach (var (name, value) in tensors)
            {
                if (value is TorchSharp.Modules.Parameter parameter)
                {
                    register_parameter(name, parameter);
                }
                else
                {
                    register_buffer(name, value);
                }
            }
        }
    }

    /// <summary>A layer's numbers as torch takes them, made once.</summary>
    private sealed class Window(Layer layer)
    {
        public long[] Size { get; } = [layer.Kernel, layer.Kernel];
        public long[] Stride { get; } = [layer.Stride, layer.Stride];
        public long[] Padding { get; } = [layer.Padding, layer.Padding];
        public long[] Input { get; } = [.. layer.Input.Select(s => (long)s)];
    }
}

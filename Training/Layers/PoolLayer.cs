using Lockstep.Contracts.Jobs;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Largest value or mean of a window over [channels, height, width].</summary>
internal sealed class PoolLayer : Layer
{
    private readonly long[] _size;
    private readonly long[] _stride;
    private readonly long[] _padding;

    public PoolLayer(LayerPlace place) : base(place)
    {
        place.RequireImage();
        var window = LayerWindow.Of(place);
        (_size, _stride, _padding) = ([window.Kernel, window.Kernel], [window.Stride, window.Stride], [window.Padding, window.Padding]);
        Output = [Input[0], window.Slide(place, Input[1]), window.Slide(place, Input[2])];
    }

    public override Tensor Forward(LayerCall call, Tensor x) => Kind == LayerKind.MaxPool2d ? F.max_pool2d(x, _size, _stride, _padding) : F.avg_pool2d(x, _size, _stride, _padding);

    public override string Export(OnnxGraph graph, string x)
    {
        OnnxAttribute[] window = [new("kernel_shape", _size), new("strides", _stride), new("pads", [.. _padding, .. _padding])];
        // Torch's mean counts what is padded.
        return Kind == LayerKind.MaxPool2d ? graph.Add("MaxPool", [x], window) : graph.Add("AveragePool", [x], [.. window, new("count_include_pad", 1)]);
    }
}

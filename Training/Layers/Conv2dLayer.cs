using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Convolution over [channels, height, width].</summary>
internal sealed class Conv2dLayer : Layer
{
    private readonly LayerTensor _weight;
    private readonly LayerTensor? _bias;
    private readonly long[] _stride;
    private readonly long[] _padding;

    public Conv2dLayer(LayerPlace place) : base(place)
    {
        place.RequireImage();
        var window = LayerWindow.Of(place);
        int channels = place.Spec.Out!.Value;
        InitialValues initial = InitialValues.OfFanIn((long)Input[0] * window.Kernel * window.Kernel);
        _weight = place.Parameter("weight", initial, channels, Input[0], window.Kernel, window.Kernel);
        _bias = place.Spec.Bias ?? true ? place.Parameter("bias", initial, channels) : null;
        (_stride, _padding) = ([window.Stride, window.Stride], [window.Padding, window.Padding]);
        Output = [channels, window.Slide(place, Input[1]), window.Slide(place, Input[2])];
    }

    public override Tensor Forward(LayerCall call, Tensor x) => F.conv2d(x, call[_weight], call.Of(_bias), _stride, _padding);

    public override string Export(OnnxGraph graph, string x) =>
        graph.Add("Conv", [x, graph.Tensor(_weight), .. _bias is null ? [] : new[] { graph.Tensor(_bias) }], new OnnxAttribute("strides", _stride), new OnnxAttribute("pads", [.. _padding, .. _padding]));
}

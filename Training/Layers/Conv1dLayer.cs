using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Convolution over the steps of a sequence, [steps, width].</summary>
internal sealed class Conv1dLayer : Layer
{
    private readonly LayerTensor _weight;
    private readonly LayerTensor? _bias;
    private readonly LayerWindow _window;

    public Conv1dLayer(LayerPlace place) : base(place)
    {
        place.RequireSequence();
        _window = LayerWindow.Of(place);
        int channels = place.Spec.Out!.Value;
        InitialValues initial = InitialValues.OfFanIn((long)Input[1] * _window.Kernel);
        _weight = place.Parameter("weight", initial, channels, Input[1], _window.Kernel);
        _bias = place.Spec.Bias ?? true ? place.Parameter("bias", initial, channels) : null;
        Output = [_window.Slide(place, Input[0]), channels];
    }

    // Torch's channels stand before the steps.
    public override Tensor Forward(LayerCall call, Tensor x) => F.conv1d(x.transpose(1, 2), call[_weight], call.Of(_bias), _window.Stride, _window.Padding).transpose(1, 2);

    public override string Export(OnnxGraph graph, string x)
    {
        string[] inputs = [graph.Transpose(x, 0, 2, 1), graph.Tensor(_weight), .. _bias is null ? [] : new[] { graph.Tensor(_bias) }];
        return graph.Transpose(graph.Add("Conv", inputs, new OnnxAttribute("strides", [_window.Stride]), new OnnxAttribute("pads", [_window.Padding, _window.Padding])), 0, 2, 1);
    }
}

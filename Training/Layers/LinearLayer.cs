using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Linear, over the last dimension.</summary>
internal sealed class LinearLayer : Layer
{
    private readonly LayerTensor _weight;
    private readonly LayerTensor? _bias;

    public LinearLayer(LayerPlace place) : base(place)
    {
        place.Require(Input.Count is 1 or 2, "needs a flat input or a sequence", "Put a flatten layer before it.");
        int width = place.Spec.Out ?? (place.IsLast ? place.Needs.Outputs : 0);
        place.Require(width > 0, "has no number of outputs", "Give 'out', at least 1.");
        _weight = place.Parameter("weight", InitialValues.OfFanIn(Input[^1]), width, Input[^1]);
        _bias = place.Spec.Bias ?? true ? place.Parameter("bias", InitialValues.OfFanIn(Input[^1]), width) : null;
        Output = [.. Input.SkipLast(1), width];
    }

    public override Tensor Forward(LayerCall call, Tensor x) => F.linear(x, call[_weight], call.Of(_bias));

    public override string Export(OnnxGraph graph, string x) => graph.Linear(x, _weight, _bias);
}

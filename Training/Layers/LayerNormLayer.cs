using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Layer normalisation over the sample, or over each step of a sequence.</summary>
internal sealed class LayerNormLayer : Layer
{
    private readonly LayerTensor _weight;
    private readonly LayerTensor _bias;
    private readonly long[] _shape;
    private readonly double _epsilon;

    public LayerNormLayer(LayerPlace place) : base(place)
    {
        _epsilon = place.Spec.Epsilon ?? 1e-5;
        place.Require(_epsilon > 0, "has an epsilon that is not positive", "Leave it out for 1e-5.");
        int[] shape = Input.Count == 2 ? [Input[1]] : [.. Input];
        _weight = place.Parameter("weight", InitialValues.Ones, shape);
        _bias = place.Parameter("bias", InitialValues.Zeros, shape);
        _shape = Shapes.Long(shape);
    }

    public override Tensor Forward(LayerCall call, Tensor x) => F.layer_norm(x, _shape, call[_weight], call[_bias], _epsilon);

    public override string Export(OnnxGraph graph, string x) =>
        graph.Add("LayerNormalization", [x, graph.Tensor(_weight), graph.Tensor(_bias)], new OnnxAttribute("axis", -_shape.Length), new OnnxAttribute("epsilon", (float)_epsilon));
}

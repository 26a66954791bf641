using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Normalisation over groups of channels, or of a sequence's width over all its steps.</summary>
internal sealed class GroupNormLayer : Layer
{
    private readonly LayerTensor _weight;
    private readonly LayerTensor _bias;
    private readonly int _groups;
    private readonly double _epsilon;

    public GroupNormLayer(LayerPlace place) : base(place)
    {
        int channels = Input.Count == 2 ? Input[1] : Input[0];
        (_groups, _epsilon) = (place.Spec.Groups ?? 0, place.Spec.Epsilon ?? 1e-5);
        place.Require(_groups > 0 && channels % _groups == 0, $"cannot cut {channels} channels into {_groups} groups of one size", "Give 'groups' that divides the channels.");
        place.Require(_epsilon > 0, "has an epsilon that is not positive", "Leave it out for 1e-5.");
        place.Require(Shapes.Product(Input) > _groups, "has groups of one number, which are 0 whatever comes in", "Make 'groups' smaller.");
        _weight = place.Parameter("weight", InitialValues.Ones, channels);
        _bias = place.Parameter("bias", InitialValues.Zeros, channels);
    }

    public override Tensor Forward(LayerCall call, Tensor x) => Input.Count == 2 ? Normalize(call, x.transpose(1, 2)).transpose(1, 2) : Normalize(call, x);

    private Tensor Normalize(LayerCall call, Tensor x) => F.group_norm(x, _groups, call[_weight], call[_bias], _epsilon);

    public override string Export(OnnxGraph graph, string x)
    {
        bool isSequence = Input.Count == 2;
        long[] shape = isSequence ? [Input[1], Input[0]] : Shapes.Long(Input);
        long group = shape.Aggregate(1L, (product, size) => product * size) / _groups;
        // Each group as one row, then scale and shift by channel.
        string groups = graph.Reshape(isSequence ? graph.Transpose(x, 0, 2, 1) : x, _groups, group);
        string normal = graph.Add("LayerNormalization", [groups, graph.Floats([.. Enumerable.Repeat(1f, checked((int)group))], group)], new OnnxAttribute("axis", -1), new OnnxAttribute("epsilon", (float)_epsilon));
        long[] channels = [shape[0], .. shape.Skip(1).Select(_ => 1L)];
        string scaled = graph.Add("Mul", [graph.Reshape(normal, shape), graph.Floats(graph.ValuesOf(_weight), channels)]);
        string shifted = graph.Add("Add", [scaled, graph.Floats(graph.ValuesOf(_bias), channels)]);
        return isSequence ? graph.Transpose(shifted, 0, 2, 1) : shifted;
    }
}

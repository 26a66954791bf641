using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>The mean over height and width, or over the steps of a sequence.</summary>
internal sealed class GlobalAvgPoolLayer : Layer
{
    private readonly long[] _dimensions;

    public GlobalAvgPoolLayer(LayerPlace place) : base(place)
    {
        place.Require(Input.Count is 2 or 3, "needs [channels, height, width] or a sequence", "Remove it.");
        (_dimensions, Output) = Input.Count == 3 ? ((long[])[2, 3], (int[])[Input[0]]) : ([1], [Input[1]]);
    }

    public override Tensor Forward(LayerCall call, Tensor x) => x.mean(_dimensions);

    public override string Export(OnnxGraph graph, string x) => graph.Add("ReduceMean", [x, graph.Wholes(_dimensions)], new OnnxAttribute("keepdims", 0));
}

using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Any shape to [numbers].</summary>
internal sealed class FlattenLayer : Layer
{
    public FlattenLayer(LayerPlace place) : base(place) => Output = [(int)Shapes.Product(Input)];

    public override Tensor Forward(LayerCall call, Tensor x) => x.flatten(1);

    public override string Export(OnnxGraph graph, string x) => graph.Add("Flatten", [x], new OnnxAttribute("axis", 1));
}

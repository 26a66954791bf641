using Lockstep.Contracts.Jobs;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>A function of each number, or of all features of a sample.</summary>
internal sealed class ActivationLayer : Layer
{
    private static readonly Dictionary<LayerKind, (string Onnx, Func<Tensor, Tensor> Torch)> Functions = new()
    {
        [LayerKind.Relu] = ("Relu", x => F.relu(x)),
        [LayerKind.Gelu] = ("Gelu", x => F.gelu(x)),
        [LayerKind.Tanh] = ("Tanh", x => x.tanh()),
        [LayerKind.Sigmoid] = ("Sigmoid", x => x.sigmoid()),
        [LayerKind.Softmax] = ("Softmax", x => F.softmax(x, 1)),
    };

    private readonly Func<Tensor, Tensor> _function;

    public ActivationLayer(LayerPlace place) : base(place)
    {
        place.Require(Kind != LayerKind.Softmax || Input.Count == 1, "needs a flat input", "Put a flatten layer before it.");
        _function = Functions[Kind].Torch;
    }

    public override Tensor Forward(LayerCall call, Tensor x) => _function(x);

    public override string Export(OnnxGraph graph, string x) => graph.Add(Functions[Kind].Onnx, [x]);
}

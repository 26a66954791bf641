using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Zeroes numbers while training, by torch's generator, which is seeded by step and slot.</summary>
internal sealed class DropoutLayer : Layer
{
    private readonly double _p;

    public DropoutLayer(LayerPlace place) : base(place)
    {
        _p = place.Spec.P ?? 0.5;
        place.Require(_p is >= 0 and < 1, "has a probability out of range", "Choose 'p' in [0, 1).");
    }

    public override Tensor Forward(LayerCall call, Tensor x) => F.dropout(x, _p, call.IsTraining);

    public override string Export(OnnxGraph graph, string x) => x;
}

using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Adds to each step of a sequence what tells its place.</summary>
internal sealed class PositionalEncodingLayer : Layer
{
    private readonly LayerTensor _weight;

    public PositionalEncodingLayer(LayerPlace place) : base(place)
    {
        place.RequireSequence();
        // Learned ones begin as wide as the waves are.
        _weight = place.Spec.Fixed == true
            ? place.Buffer("waves", new InitialValues.Waves(Input[1]), Input[0], Input[1])
            : place.Parameter("weight", InitialValues.OfDeviation(Math.Sqrt(0.5)), Input[0], Input[1]);
    }

    public override Tensor Forward(LayerCall call, Tensor x) => x + call[_weight];

    public override string Export(OnnxGraph graph, string x) => graph.Add("Add", [x, graph.Tensor(_weight)]);
}

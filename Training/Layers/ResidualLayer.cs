using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>What its layers make of the input, added to the input or to what the shortcut makes of it.</summary>
internal sealed class ResidualLayer : Layer
{
    private readonly LayerRow _row;
    private readonly LayerRow? _shortcut;

    public ResidualLayer(LayerPlace place) : base(place)
    {
        place.Require(place.Spec.Layers is { Count: > 0 }, "has no layers", "Give 'layers'.");
        _row = LayerRow.Within(place, place.Spec.Layers!, "layers", "");
        _shortcut = place.Spec.Shortcut is { Count: > 0 } shortcut ? LayerRow.Within(place, shortcut, "shortcut", "shortcut") : null;
        IReadOnlyList<int> other = _shortcut?.Output ?? Input;
        place.Require(_row.Output.SequenceEqual(other), $"adds {Shapes.Text(_row.Output)}, which its layers give, to {Shapes.Text(other)}", _shortcut is null ? "Keep the shape, or give a 'shortcut' that changes the input alike." : "Give 'layers' and 'shortcut' that end in the same shape.");
        Output = _row.Output;
    }

    public override IEnumerable<Layer> Inner => [.. _row.Layers, .. _shortcut?.Layers ?? []];

    public override long Kept => Shapes.Product(Output) + Inner.Sum(layer => layer.Kept);

    public override int MinimumSlotSamples => Inner.Max(layer => layer.MinimumSlotSamples);

    public override Tensor Forward(LayerCall call, Tensor x) => _row.Forward(call, x) + (_shortcut?.Forward(call, x) ?? x);

    public override string Export(OnnxGraph graph, string x) => graph.Add("Add", [_row.Export(graph, x), _shortcut?.Export(graph, x) ?? x]);
}

using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Layers one after the other.</summary>
internal sealed class LayerRow
{
    /// <summary>Of one sample, between two layers: half a gigabyte.</summary>
    public const int MostValues = 1 << 27;

    /// <summary>What a layout can hold.</summary>
    private const int MostElements = int.MaxValue - ModelLayout.ChunkElements;

    private LayerRow(IReadOnlyList<Layer> layers, IReadOnlyList<int> input) => (Layers, Output) = (layers, layers.Count > 0 ? layers[^1].Output : input);

    public IReadOnlyList<Layer> Layers { get; }

    /// <value>Shape of one sample that comes out.</value>
    public IReadOnlyList<int> Output { get; }

    /// <summary>A model's own row.</summary>
    /// <exception cref="Contracts.InputException">A layer does not fit.</exception>
    public static LayerRow OfModel(IReadOnlyList<LayerSpec> specs, IReadOnlyList<int> input, ModelNeeds needs, List<LayerTensor> tensors) => Make(specs, "", "", input, isFirst: true, isLast: true, needs, tensors);

    /// <summary>A row within a layer.</summary>
    /// <param name="name">For its tensors, such as <c>layers</c>.</param>
    /// <param name="number">For people: behind the layer's own number; empty: nothing.</param>
    /// <exception cref="Contracts.InputException">A layer does not fit.</exception>
    public static LayerRow Within(LayerPlace place, IReadOnlyList<LayerSpec> specs, string name, string number) =>
        Make(specs, $"{place.Path}.{name}.", $"{place.Number}.{(number.Length == 0 ? "" : number + ".")}", place.Input, place.IsFirst, isLast: false, place.Needs, place.Tensors);

    public Tensor Forward(LayerCall call, Tensor x)
    {
        foreach (Layer layer in Layers)
        {
            x = layer.Forward(call, x);
        }

        return x;
    }

    public string Export(OnnxGraph graph, string x) => Layers.Aggregate(x, (value, layer) => layer.Export(graph, value));

    private static LayerRow Make(IReadOnlyList<LayerSpec> specs, string path, string number, IReadOnlyList<int> input, bool isFirst, bool isLast, ModelNeeds needs, List<LayerTensor> tensors)
    {
        var layers = new List<Layer>();
        IReadOnlyList<int> shape = input;
        for (int i = 0; i < specs.Count; i++)
        {
            var place = new LayerPlace(specs[i], path + i.ToString(CultureInfo.InvariantCulture), number + (i + 1).ToString(CultureInfo.InvariantCulture), shape, isFirst && i == 0, isLast && i == specs.Count - 1, needs, tensors);
            Layer layer = LayerTable.Make(place);
            long elements = tensors.Sum(tensor => Shapes.Product(tensor.Spec.Shape));
            place.Require(Shapes.Product(layer.Output) <= MostValues, $"gives {Shapes.Text(layer.Output)}, more than the {MostValues} values of one sample that are computed", "Make its window's stride larger, or its outputs fewer.");
            place.Require(elements <= MostElements, $"brings the model to {elements} parameters, of which there may be {MostElements}", "Make it smaller.");
            layers.Add(layer);
            shape = layer.Output;
        }

        return new LayerRow(layers, input);
    }
}

using System.Globalization;
using System.Runtime.InteropServices;

namespace Lockstep.Training;

/// <summary>A graph of ONNX (operator set 20) that is built up node by node. Values are known by their names; field numbers are those of onnx.proto.</summary>
/// <param name="values">Of a model's tensor.</param>
internal sealed class OnnxGraph(Func<LayerTensor, float[]> values)
{
    private const int OperatorSet = 20;
    private const int FormatVersion = 9;
    private const int FloatElement = 1;
    /// <summary>Elements that are 64-bit whole numbers.</summary>
    public const int WholeElement = 7;
    private const string Batch = "samples";

    private readonly ProtoWriter _nodes = new();
    private readonly ProtoWriter _constants = new();
    private readonly HashSet<string> _named = new(StringComparer.Ordinal);
    private int _count;

    /// <summary>Adds a node with one output.</summary>
    /// <returns>Its output.</returns>
    public string Add(string operation, IReadOnlyList<string> inputs, params ReadOnlySpan<OnnxAttribute> attributes) => Add(operation, inputs, 1, attributes)[0];

    /// <summary>Adds a node.</summary>
    /// <param name="inputs">Empty text: one that is left out.</param>
    /// <returns>Its outputs.</returns>
    public string[] Add(string operation, IReadOnlyList<string> inputs, int outputs, params ReadOnlySpan<OnnxAttribute> attributes)
    {
        string[] names = [.. Enumerable.Range(0, outputs).Select(_ => Name(operation))];
        OnnxAttribute[] given = attributes.ToArray();
        _nodes.Message(1, node =>
        {
            foreach (string input in inputs)
            {
                node.Text(1, input);
            }

            foreach (string output in names)
            {
                node.Text(2, output);
            }

            node.Text(3, $"{operation}_{names[0]}");
            node.Text(4, operation);
            foreach (OnnxAttribute attribute in given)
            {
                node.Message(5, attribute.Write);
            }
        });
        return names;
    }

    /// <summary>The values of a model's tensor.</summary>
    public float[] ValuesOf(LayerTensor tensor) => values(tensor);

    /// <summary>A model's tensor, by its own name.</summary>
    public string Tensor(LayerTensor tensor)
    {
        if (_named.Add(tensor.Spec.Name))
        {
            Constant(tensor.Spec.Name, FloatElement, Shapes.Long(tensor.Spec.Shape), MemoryMarshal.AsBytes<float>(values(tensor)));
        }

        return tensor.Spec.Name;
    }

    public string Floats(float[] numbers, params long[] shape)
    {
        string name = Name("floats");
        Constant(name, FloatElement, shape, MemoryMarshal.AsBytes<float>(numbers));
        return name;
    }

    /// <summary>A list of whole numbers, as many operators take shapes and axes.</summary>
    public string Wholes(params long[] numbers)
    {
        string name = Name("wholes");
        Constant(name, WholeElement, [numbers.Length], MemoryMarshal.AsBytes<long>(numbers));
        return name;
    }

    /// <summary>Gives samples a shape.</summary>
    public string Reshape(string x, params ReadOnlySpan<long> shape) => Add("Reshape", [x, Wholes([0, .. shape])]);

    public string Transpose(string x, params long[] order) => Add("Transpose", [x], new OnnxAttribute("perm", order));

    /// <summary>x · weightᵀ + bias, over the last dimension.</summary>
    public string Linear(string x, LayerTensor weight, LayerTensor? bias)
    {
        string product = Add("MatMul", [x, Transpose(Tensor(weight), 1, 0)]);
        return bias is null ? product : Add("Add", [product, Tensor(bias)]);
    }

    /// <summary>The whole model.</summary>
    /// <param name="input">Name, shape of one sample, and whether it is whole numbers.</param>
    /// <param name="last">The node's output that the model gives.</param>
    /// <param name="metadata">Texts that go along.</param>
    public byte[] ToModel((string Name, IReadOnlyList<int> Shape, bool IsWhole) input, string last, string output, IReadOnlyList<int> outputShape, IReadOnlyDictionary<string, string> metadata)
    {
        _nodes.Message(1, node =>
        {
            node.Text(1, last);
            node.Text(2, output);
            node.Text(4, "Identity");
        });
        var model = new ProtoWriter();
        model.Whole(1, FormatVersion);
        model.Text(2, "lockstep");
        var graph = new ProtoWriter();
        graph.Text(2, "model");
        graph.Message(11, value => Describe(value, input.Name, input.IsWhole ? WholeElement : FloatElement, input.Shape));
        graph.Message(12, value => Describe(value, output, FloatElement, outputShape));
        model.Bytes(7, [.. _nodes.Written, .. _constants.Written, .. graph.Written]);
        model.Message(8, set => set.Whole(2, OperatorSet));
        foreach ((string key, string text) in metadata)
        {
            model.Message(14, entry =>
            {
                entry.Text(1, key);
                entry.Text(2, text);
            });
        }

        return model.Written.ToArray();
    }

    private static void Describe(ProtoWriter value, string name, int element, IReadOnlyList<int> shape)
    {
        value.Text(1, name);
        value.Message(2, type => type.Message(1, tensor =>
        {
            tensor.Whole(1, element);
            tensor.Message(2, dimensions =>
            {
                dimensions.Message(1, dimension => dimension.Text(2, Batch));
                foreach (int size in shape)
                {
                    dimensions.Message(1, dimension => dimension.Whole(1, size));
                }
            });
        }));
    }

    private void Constant(string name, int element, long[] shape, ReadOnlySpan<byte> raw)
    {
        var tensor = new ProtoWriter();
        foreach (long size in shape)
        {
            tensor.Whole(1, size);
        }

        tensor.Whole(2, element);
        tensor.Text(8, name);
        tensor.Bytes(9, raw);
        _constants.Bytes(5, tensor.Written);
    }

    private string Name(string of) => string.Create(CultureInfo.InvariantCulture, $"{of}_{++_count}");
}

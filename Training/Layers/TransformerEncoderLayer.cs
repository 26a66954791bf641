using System.Globalization;
using Lockstep.Contracts.Jobs;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Blocks of attention and two linear layers. Tensors and numbers are those of torch's TransformerEncoder, of the same <c>norm_first</c>.</summary>
internal sealed class TransformerEncoderLayer : Layer
{
    private readonly Block[] _blocks;
    private readonly Layer? _norm;

    public TransformerEncoderLayer(LayerPlace place) : base(place)
    {
        place.RequireSequence();
        LayerSpec spec = place.Spec;
        bool isNormFirst = spec.NormFirst ?? true;
        // Before the attention itself says so, in words of this layer.
        place.Require(spec.Heads > 0 && Input[1] % spec.Heads == 0, $"cannot share a width of {Input[1]} among {spec.Heads ?? 0} heads", "Give 'heads' that divides the width.");
        place.Require(spec.P is null or (>= 0 and < 1), "has a probability out of range", "Choose 'p' in [0, 1).");
        _blocks = [.. Enumerable.Range(0, spec.Depth ?? 1).Select(i => new Block(place, string.Create(CultureInfo.InvariantCulture, $"layers.{i}"), isNormFirst))];
        _norm = isNormFirst ? Part(place, "norm", new LayerSpec { Kind = LayerKind.LayerNorm, Epsilon = spec.Epsilon }, Input) : null;
    }

    public override IEnumerable<Layer> Inner => _blocks.SelectMany(block => block.Layers).Concat(_norm is null ? [] : [_norm]);

    public override long Kept => Inner.Sum(layer => layer.Kept);

    public override Tensor Forward(LayerCall call, Tensor x)
    {
        foreach (Block block in _blocks)
        {
            x = block.Forward(call, x);
        }

        return _norm?.Forward(call, x) ?? x;
    }

    public override string Export(OnnxGraph graph, string x)
    {
        x = _blocks.Aggregate(x, (value, block) => block.Export(graph, value));
        return _norm?.Export(graph, x) ?? x;
    }

    private static Layer Part(LayerPlace place, string name, LayerSpec spec, IReadOnlyList<int> input) => LayerTable.Make(place.Part(name, spec, input));

    /// <summary>One block, its layers in the order of torch's tensors.</summary>
    private sealed class Block
    {
        private readonly Layer _attention;
        private readonly Layer _first;
        private readonly Layer _second;
        private readonly Layer _norm1;
        private readonly Layer _norm2;
        private readonly Layer _activation;
        private readonly Layer _dropout;
        private readonly bool _isNormFirst;

        public Block(LayerPlace place, string name, bool isNormFirst)
        {
            LayerSpec spec = place.Spec;
            IReadOnlyList<int> shape = place.Input;
            int hidden = spec.Hidden ?? checked(4 * shape[1]);
            var norm = new LayerSpec { Kind = LayerKind.LayerNorm, Epsilon = spec.Epsilon };
            _isNormFirst = isNormFirst;
            _attention = Part(place, $"{name}.self_attn", new LayerSpec { Kind = LayerKind.MultiHeadAttention, Heads = spec.Heads, Causal = spec.Causal, P = spec.P }, shape);
            _first = Part(place, $"{name}.linear1", new LayerSpec { Kind = LayerKind.Linear, Out = hidden }, shape);
            _second = Part(place, $"{name}.linear2", new LayerSpec { Kind = LayerKind.Linear, Out = shape[1] }, _first.Output);
            _norm1 = Part(place, $"{name}.norm1", norm, shape);
            _norm2 = Part(place, $"{name}.norm2", norm, shape);
            _activation = Part(place, $"{name}.activation", new LayerSpec { Kind = spec.Activation == ActivationKind.Relu ? LayerKind.Relu : LayerKind.Gelu }, _first.Output);
            _dropout = Part(place, $"{name}.dropout", new LayerSpec { Kind = LayerKind.Dropout, P = spec.P ?? 0 }, shape);
        }

        public IEnumerable<Layer> Layers => [_attention, _first, _second, _norm1, _norm2, _activation, _dropout];

        public Tensor Forward(LayerCall call, Tensor x)
        {
            if (_isNormFirst)
            {
                x += Attend(call, _norm1.Forward(call, x));
                return x + Feed(call, _norm2.Forward(call, x));
            }

            x = _norm1.Forward(call, x + Attend(call, x));
            return _norm2.Forward(call, x + Feed(call, x));
        }

        public string Export(OnnxGraph graph, string x)
        {
            string Feed(string value) => _second.Export(graph, _activation.Export(graph, _first.Export(graph, value)));
            if (_isNormFirst)
            {
                x = graph.Add("Add", [x, _attention.Export(graph, _norm1.Export(graph, x))]);
                return graph.Add("Add", [x, Feed(_norm2.Export(graph, x))]);
            }

            x = _norm1.Export(graph, graph.Add("Add", [x, _attention.Export(graph, x)]));
            return _norm2.Export(graph, graph.Add("Add", [x, Feed(x)]));
        }

        private Tensor Attend(LayerCall call, Tensor x) => _dropout.Forward(call, _attention.Forward(call, x));

        private Tensor Feed(LayerCall call, Tensor x) => _dropout.Forward(call, _second.Forward(call, _dropout.Forward(call, _activation.Forward(call, _first.Forward(call, x)))));
    }
}

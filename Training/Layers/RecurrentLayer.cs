using System.Globalization;
using Lockstep.Contracts.Jobs;
using TorchSharp;
using TorchSharp.Modules;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>LSTM and GRU over a sequence: torch's modules, whose tensors this names.</summary>
internal sealed class RecurrentLayer : Layer
{
    // The order of ONNX, by the place in torch's.
    private static readonly int[] LstmGates = [0, 3, 1, 2];
    private static readonly int[] GruGates = [1, 0, 2];

    private readonly LayerSpec _spec;
    // By layer and way: weights of the input and of the state, and their biases where there are any.
    private readonly LayerTensor[][] _tensors;
    private readonly int _width;
    private readonly int _depth;
    private readonly bool _isBothWays;
    private readonly bool _isLast;

    public RecurrentLayer(LayerPlace place) : base(place)
    {
        place.RequireSequence();
        _spec = place.Spec;
        (_width, _depth, _isBothWays, _isLast) = (_spec.Out ?? 0, _spec.Depth ?? 1, _spec.Bidirectional ?? false, _spec.Last ?? false);
        place.Require(_width > 0, "has no number of outputs", "Give 'out', at least 1.");
        place.Require(_depth > 0, "has no layers", "Give a 'depth' of at least 1.");
        place.Require(_spec.P is null or 0 || (_depth > 1 && _spec.P is > 0 and < 1), "has a probability that has nothing to zero, or is out of range", "Choose 'p' in [0, 1), with a 'depth' above 1.");
        int gates = Kind == LayerKind.Lstm ? 4 : 3, ways = _isBothWays ? 2 : 1;
        place.Require((long)gates * _width * Math.Max(Input[1], 2L * _width) <= int.MaxValue, "has more parameters than can be", "Make 'out' smaller.");
        InitialValues initial = InitialValues.OfFanIn(_width);
        var tensors = new List<LayerTensor[]>();
        for (int layer = 0; layer < _depth; layer++)
        {
            for (int way = 0; way < ways; way++)
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"l{layer}{(way == 1 ? "_reverse" : "")}");
                LayerTensor[] weights = [place.Parameter($"weight_ih_{name}", initial, gates * _width, layer == 0 ? Input[1] : ways * _width), place.Parameter($"weight_hh_{name}", initial, gates * _width, _width)];
                tensors.Add(_spec.Bias ?? true ? [.. weights, place.Parameter($"bias_ih_{name}", initial, gates * _width), place.Parameter($"bias_hh_{name}", initial, gates * _width)] : weights);
            }
        }

        _tensors = [.. tensors];

        Output = _isLast ? [ways * _width] : [Input[0], ways * _width];
    }

    /// <value>The gates, states and outputs of each step.</value>
    public override long Kept => (long)Input[0] * _depth * (_isBothWays ? 2 : 1) * 6 * _width;

    public override torch.nn.Module MakeModule()
    {
        bool hasBias = _spec.Bias ?? true;
        double p = _spec.P ?? 0;
        return Kind == LayerKind.Lstm
            ? torch.nn.LSTM(Input[1], _width, _depth, hasBias, batchFirst: true, p, _isBothWays)
            : torch.nn.GRU(Input[1], _width, _depth, hasBias, batchFirst: true, p, _isBothWays);
    }

    public override Tensor Forward(LayerCall call, Tensor x)
    {
        Tensor sequence = Kind == LayerKind.Lstm ? call.Module<LSTM>(Path).call(x).Item1 : call.Module<GRU>(Path).call(x).Item1;
        if (!_isLast)
        {
            return sequence;
        }

        Tensor end = sequence.select(1, -1);
        return _isBothWays ? torch.cat([end.narrow(1, 0, _width), sequence.select(1, 0).narrow(1, _width, _width)], 1) : end;
    }

    public override string Export(OnnxGraph graph, string x)
    {
        int ways = _isBothWays ? 2 : 1, steps = Input[0];
        bool isLstm = Kind == LayerKind.Lstm;
        // [steps, samples, width]
        string sequence = graph.Transpose(x, 1, 0, 2);
        for (int layer = 0; layer < _depth; layer++)
        {
            LayerTensor[][] of = _tensors[(layer * ways)..((layer + 1) * ways)];
            long gates = of[0][0].Spec.Shape[0];
            var inputs = new List<string> { sequence };
            for (int i = 0; i < 2; i++)
            {
                inputs.Add(graph.Floats([.. of.SelectMany(way => Reordered(graph.ValuesOf(way[i])))], ways, gates, of[0][i].Spec.Shape[1]));
            }

            if (of[0].Length > 2)
            {
                inputs.Add(graph.Floats([.. of.SelectMany(way => way[2..].SelectMany(bias => Reordered(graph.ValuesOf(bias))))], ways, 2 * gates));
            }

            OnnxAttribute[] attributes = [new("hidden_size", _width), new("direction", _isBothWays ? "bidirectional" : "forward"), .. isLstm ? [] : new[] { new OnnxAttribute("linear_before_reset", 1) }];
            // [steps, ways, samples, width]
            string output = graph.Add(isLstm ? "LSTM" : "GRU", inputs, attributes);
            string joined = graph.Transpose(output, 0, 2, 1, 3);
            sequence = graph.Add("Reshape", [joined, graph.Wholes(0, 0, ways * _width)]);
        }

        string result = graph.Transpose(sequence, 1, 0, 2);
        if (!_isLast)
        {
            return result;
        }

        string End(int step, int way) => graph.Add("Reshape", [graph.Add("Slice", [result, graph.Wholes(step, way * _width), graph.Wholes(step + 1, (way + 1) * _width), graph.Wholes(1, 2)]), graph.Wholes(0, _width)]);
        return _isBothWays ? graph.Add("Concat", [End(steps - 1, 0), End(0, 1)], new OnnxAttribute("axis", 1)) : End(steps - 1, 0);
    }

    /// <summary>Blocks of rows, one a gate, in the order of ONNX.</summary>
    private IEnumerable<float> Reordered(float[] values)
    {
        int[] order = Kind == LayerKind.Lstm ? LstmGates : GruGates;
        int block = values.Length / order.Length;
        return order.SelectMany(gate => values.AsSpan(gate * block, block).ToArray());
    }
}

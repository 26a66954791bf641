using Lockstep.Contracts.Jobs;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Attention of a sequence to itself. Its tensors are those of torch's MultiheadAttention.</summary>
internal sealed class AttentionLayer : Layer
{
    private readonly LayerTensor _weight;
    private readonly LayerTensor? _bias;
    private readonly LayerTensor _outWeight;
    private readonly LayerTensor? _outBias;
    private readonly int _heads;
    private readonly bool _isCausal;
    private readonly double _p;

    public AttentionLayer(LayerPlace place) : base(place)
    {
        place.RequireSequence();
        LayerSpec spec = place.Spec;
        int width = Input[1];
        (_heads, _isCausal, _p) = (spec.Heads ?? 0, spec.Causal ?? false, spec.P ?? 0);
        place.Require(_heads > 0 && width % _heads == 0, $"cannot share a width of {width} among {_heads} heads", "Give 'heads' that divides the width.");
        place.Require(_p is >= 0 and < 1, "has a probability out of range", "Choose 'p' in [0, 1).");
        bool hasBias = spec.Bias ?? true;
        _weight = place.Parameter("in_proj_weight", InitialValues.OfFans(width, 3L * width), checked(3 * width), width);
        _bias = hasBias ? place.Parameter("in_proj_bias", InitialValues.Zeros, 3 * width) : null;
        _outWeight = place.Parameter("out_proj.weight", InitialValues.OfFanIn(width), width, width);
        _outBias = hasBias ? place.Parameter("out_proj.bias", InitialValues.Zeros, width) : null;
    }

    /// <value>Queries, keys, values, what attention gives and what comes out; the attention of each step to each.</value>
    public override long Kept => (5 * Shapes.Product(Input)) + ((long)_heads * Input[0] * Input[0]);

    public override Tensor Forward(LayerCall call, Tensor x)
    {
        int steps = Input[0], width = Input[1];
        // [3, samples, heads, steps, width of a head]
        Tensor[] parts = F.linear(x, call[_weight], call.Of(_bias)).view(-1, steps, 3, _heads, width / _heads).permute(2, 0, 3, 1, 4).unbind(0);
        Tensor attended = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], null!, call.IsTraining ? _p : 0, _isCausal);
        return F.linear(attended.transpose(1, 2).reshape(-1, steps, width), call[_outWeight], call.Of(_outBias));
    }

    public override string Export(OnnxGraph graph, string x)
    {
        int steps = Input[0], width = Input[1];
        string parts = graph.Transpose(graph.Reshape(graph.Linear(x, _weight, _bias), steps, 3, _heads, width / _heads), 2, 0, 3, 1, 4);
        string[] split = [.. graph.Add("Split", [parts, graph.Wholes(1, 1, 1)], 3, new OnnxAttribute("axis", 0)).Select(part => graph.Add("Squeeze", [part, graph.Wholes(0)]))];
        string scores = graph.Add("Mul", [graph.Add("MatMul", [split[0], graph.Transpose(split[1], 0, 1, 3, 2)]), graph.Floats([(float)(1 / Math.Sqrt((double)width / _heads))])]);
        if (_isCausal)
        {
            float[] mask = [.. Enumerable.Range(0, steps * steps).Select(i => i % steps > i / steps ? float.NegativeInfinity : 0)];
            scores = graph.Add("Add", [scores, graph.Floats(mask, steps, steps)]);
        }

        string attended = graph.Add("MatMul", [graph.Add("Softmax", [scores], new OnnxAttribute("axis", -1)), split[2]]);
        return graph.Linear(graph.Reshape(graph.Transpose(attended, 0, 2, 1, 3), steps, width), _outWeight, _outBias);
    }
}

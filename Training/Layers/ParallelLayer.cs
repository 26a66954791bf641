using System.Globalization;
using Lockstep.Contracts.Jobs;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Rows of layers over one input, whose outputs are joined or added.</summary>
internal sealed class ParallelLayer : Layer
{
    private readonly LayerRow[] _branches;
    private readonly bool _adds;
    // Channels, features, or a sequence's width; behind the batch.
    private readonly int _joined;

    public ParallelLayer(LayerPlace place) : base(place)
    {
        place.Require(place.Spec.Branches is { Count: > 1 } given && given.All(branch => branch.Count > 0), "has fewer than two branches, or an empty one", "Give 'branches', each with its layers.");
        _branches = [.. place.Spec.Branches!.Select((branch, i) => LayerRow.Within(place, branch, string.Create(CultureInfo.InvariantCulture, $"branches.{i}"), (i + 1).ToString(CultureInfo.InvariantCulture)))];
        _adds = place.Spec.Join == JoinKind.Add;
        IReadOnlyList<int> first = _branches[0].Output;
        _joined = first.Count == 2 ? 1 : 0;
        foreach (LayerRow branch in _branches)
        {
            place.Require(
                branch.Output.Count == first.Count && Enumerable.Range(0, first.Count).All(i => branch.Output[i] == first[i] || (!_adds && i == _joined)),
                $"cannot {(_adds ? "add" : "join")} {string.Join(" and ", _branches.Select(b => Shapes.Text(b.Output)))}",
                _adds ? "End all branches in one shape." : "Let the branches' outputs differ in their channels alone; of a sequence, in its width.");
        }

        Output = _adds ? first : [.. first.Select((size, i) => i == _joined ? (int)Math.Min(int.MaxValue, _branches.Sum(branch => (long)branch.Output[i])) : size)];
    }

    public override IEnumerable<Layer> Inner => _branches.SelectMany(branch => branch.Layers);

    public override long Kept => Shapes.Product(Output) + Inner.Sum(layer => layer.Kept);

    public override int MinimumSlotSamples => Inner.Max(layer => layer.MinimumSlotSamples);

    public override Tensor Forward(LayerCall call, Tensor x)
    {
        Tensor[] outputs = [.. _branches.Select(branch => branch.Forward(call, x))];
        return _adds ? outputs.Skip(1).Aggregate(outputs[0], (sum, output) => sum + output) : torch.cat(outputs, _joined + 1);
    }

    public override string Export(OnnxGraph graph, string x)
    {
        string[] outputs = [.. _branches.Select(branch => branch.Export(graph, x))];
        return _adds ? graph.Add("Sum", outputs) : graph.Add("Concat", outputs, new OnnxAttribute("axis", _joined + 1));
    }
}

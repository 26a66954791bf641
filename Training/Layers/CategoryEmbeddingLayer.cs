using System.Globalization;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Turns the flags of each category into a learned vector, and leaves numbers as they are. A category without a flag becomes zeros.</summary>
internal sealed class CategoryEmbeddingLayer : Layer
{
    private const int WidestByItself = 50;

    // Null: numbers, as they are.
    private readonly (LayerTensor? Weight, int First, int Length)[] _runs;

    public CategoryEmbeddingLayer(LayerPlace place) : base(place)
    {
        IReadOnlyList<int> columns = place.Needs.Columns;
        place.Require(place.IsFirst, "does not come first, where categories are", "Make it the first layer.");
        place.Require(Input.Count == 1 && columns.Any(width => width > 1) && columns.Sum() == Input[0], "finds no categories in the data", "Name columns in 'data.categories', or remove the layer.");
        var runs = new List<(LayerTensor? Weight, int First, int Length)>();
        int at = 0, width = 0;
        foreach (int column in columns)
        {
            int? vector = column > 1 ? place.Spec.Out ?? Math.Min(WidestByItself, (column + 1) / 2) : null;
            if (vector is { } outputs)
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"{runs.Count(run => run.Weight is not null)}.weight");
                runs.Add((place.Parameter(name, InitialValues.OfDeviation(1), column, outputs), at, column));
            }
            else if (runs is [.., { Weight: null } numbers])
            {
                runs[^1] = numbers with { Length = numbers.Length + 1 };
            }
            else
            {
                runs.Add((null, at, 1));
            }

            at += column;
            width += vector ?? 1;
        }

        _runs = [.. runs];
        Output = [width];
    }

    public override Tensor Forward(LayerCall call, Tensor x)
    {
        Tensor[] parts = [.. _runs.Select(run => run.Weight is { } weight ? x.narrow(1, run.First, run.Length).mm(call[weight]) : x.narrow(1, run.First, run.Length))];
        return parts.Length == 1 ? parts[0] : torch.cat(parts, 1);
    }

    public override string Export(OnnxGraph graph, string x)
    {
        string[] parts = _runs.Length == 1 ? [x] : graph.Add("Split", [x, graph.Wholes([.. _runs.Select(run => (long)run.Length)])], _runs.Length, new OnnxAttribute("axis", 1));
        string[] vectors = [.. _runs.Zip(parts).Select(pair => pair.First.Weight is { } weight ? graph.Add("MatMul", [pair.Second, graph.Tensor(weight)]) : pair.Second)];
        return vectors.Length == 1 ? vectors[0] : graph.Add("Concat", vectors, new OnnxAttribute("axis", 1));
    }
}

using System.Runtime.InteropServices;
using Lockstep.Contracts;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>A learned vector for each whole number: [n] to [n, out].</summary>
internal sealed class EmbeddingLayer : Layer
{
    private readonly LayerTensor _weight;
    private readonly int _size;

    public EmbeddingLayer(LayerPlace place) : base(place)
    {
        place.Require(place.IsFirst, "does not come first, and what layers give are no whole numbers", "Make it the first layer.");
        place.Require(Input.Count == 1, "needs whole numbers in a row, [n]", "Give the model's 'input' that shape.");
        place.Require(place.Spec.Out > 0, "has no width", "Give 'out', at least 1.");
        _size = place.Spec.Size ?? place.Needs.Vocabulary ?? 0;
        place.Require(_size > 0, "has no 'size', and the data do not say how many whole numbers there are", "Give 'size': one more than the largest.");
        place.Require(place.Needs.Vocabulary is not { } vocabulary || _size >= vocabulary, $"has a size of {_size}, and {place.Needs.Vocabulary} whole numbers come in", "Leave 'size' out.");
        int width = place.Spec.Out!.Value;
        _weight = place.Parameter("weight", InitialValues.OfDeviation(1), _size, width);
        Output = [Input[0], width];
    }

    /// <exception cref="InputException">A number is none of 0 … size − 1.</exception>
    public override Tensor Forward(LayerCall call, Tensor x)
    {
        Tensor indexes = x.to(torch.ScalarType.Int64);
        if (x.is_floating_point() && !indexes.eq(x).all().item<bool>())
        {
            throw new InputException(InputException.JobFile, Line, "The embedding takes whole numbers, and the data have others.", "Take data that are not scaled, with 'normalize: none'.");
        }

        try
        {
            return call[_weight].index_select(0, indexes.flatten()).view([-1, .. Output.Select(size => (long)size)]);
        }
        catch (ExternalException)
        {
            throw new InputException(InputException.JobFile, Line, $"The embedding takes 0 to {_size - 1}, and the data have {indexes.min().item<long>()} to {indexes.max().item<long>()}.", "Make 'size' one more than the largest number.");
        }
    }

    public override string Export(OnnxGraph graph, string x) => graph.Add("Gather", [graph.Tensor(_weight), graph.Add("Cast", [x], new OnnxAttribute("to", OnnxGraph.WholeElement))]);
}

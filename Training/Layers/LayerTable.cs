using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>Which class a kind of layer is. What its keys are is said by the job file's reader.</summary>
internal static class LayerTable
{
    private static readonly Dictionary<LayerKind, Func<LayerPlace, Layer>> Makers = new()
    {
        [LayerKind.Linear] = place => new LinearLayer(place),
        [LayerKind.Conv2d] = place => new Conv2dLayer(place),
        [LayerKind.Conv1d] = place => new Conv1dLayer(place),
        [LayerKind.MaxPool2d] = place => new PoolLayer(place),
        [LayerKind.AvgPool2d] = place => new PoolLayer(place),
        [LayerKind.GlobalAvgPool] = place => new GlobalAvgPoolLayer(place),
        [LayerKind.BatchNorm] = place => new BatchNormLayer(place),
        [LayerKind.BatchNorm1d] = place => new BatchNormLayer(place),
        [LayerKind.LayerNorm] = place => new LayerNormLayer(place),
        [LayerKind.GroupNorm] = place => new GroupNormLayer(place),
        [LayerKind.Dropout] = place => new DropoutLayer(place),
        [LayerKind.Flatten] = place => new FlattenLayer(place),
        [LayerKind.Relu] = place => new ActivationLayer(place),
        [LayerKind.Gelu] = place => new ActivationLayer(place),
        [LayerKind.Tanh] = place => new ActivationLayer(place),
        [LayerKind.Sigmoid] = place => new ActivationLayer(place),
        [LayerKind.Softmax] = place => new ActivationLayer(place),
        [LayerKind.Residual] = place => new ResidualLayer(place),
        [LayerKind.Parallel] = place => new ParallelLayer(place),
        [LayerKind.Embedding] = place => new EmbeddingLayer(place),
        [LayerKind.CategoryEmbedding] = place => new CategoryEmbeddingLayer(place),
        [LayerKind.PositionalEncoding] = place => new PositionalEncodingLayer(place),
        [LayerKind.MultiHeadAttention] = place => new AttentionLayer(place),
        [LayerKind.TransformerEncoder] = place => new TransformerEncoderLayer(place),
        [LayerKind.Lstm] = place => new RecurrentLayer(place),
        [LayerKind.Gru] = place => new RecurrentLayer(place),
    };

    /// <exception cref="InputException">It does not fit its place.</exception>
    public static Layer Make(LayerPlace place)
    {
        if (!Makers.TryGetValue(place.Spec.Kind, out Func<LayerPlace, Layer>? maker))
        {
            throw new InputException(InputException.JobFile, place.Spec.Line, $"There is no layer kind {(int)place.Spec.Kind}.", "Use one of the kinds of docs/job-file.md.");
        }

        place.Require(!place.IsFirst || !place.Needs.IsIndexes || place.Spec.Kind is LayerKind.Embedding or LayerKind.Parallel, "takes numbers, and the data are whole numbers that stand for something", "Begin with an embedding.");
        Layer layer = maker(place);
        layer.Close();
        return layer;
    }
}

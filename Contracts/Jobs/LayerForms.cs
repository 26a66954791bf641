namespace Lockstep.Contracts.Jobs;

/// <summary>What a kind of layer is, and the keys that it may have beside <c>kind</c>.</summary>
internal sealed record LayerForm(string Meaning, params string[] Keys)
{
    /// <value>Keys without which it cannot be.</value>
    public IReadOnlyList<string> Required { get; init; } = [];
}

/// <summary>Kinds of layers. The reader, the schema and the documentation's table come from these; what a layer does to shapes and numbers is Lockstep.Training's.</summary>
internal static class LayerForms
{
    private static readonly Dictionary<LayerKind, LayerForm> Forms = new()
    {
        [LayerKind.Linear] = new("y = Wx + b; of a sequence, at each step. The last layer's `out` may be left out.", "out", "bias"),
        [LayerKind.Conv2d] = new("Convolution over [channels, height, width].", "out", "kernel", "stride", "padding", "bias"),
        [LayerKind.Conv1d] = new("Convolution over the steps of a sequence.", "out", "kernel", "stride", "padding", "bias"),
        [LayerKind.MaxPool2d] = new("Largest value of a window.", "kernel", "stride", "padding"),
        [LayerKind.AvgPool2d] = new("Mean of a window.", "kernel", "stride", "padding"),
        [LayerKind.GlobalAvgPool] = new("[channels, height, width] to [channels], a sequence to [width]: the mean over the rest."),
        [LayerKind.BatchNorm] = new("Batch normalisation of [features] or [channels, height, width].", "epsilon", "momentum"),
        [LayerKind.BatchNorm1d] = new("Batch normalisation of [features], or of a sequence over its steps.", "epsilon", "momentum"),
        [LayerKind.LayerNorm] = new("Layer normalisation over the sample; of a sequence, at each step.", "epsilon"),
        [LayerKind.GroupNorm] = new("Normalisation over groups of channels; of a sequence, of its width.", "groups", "epsilon") { Required = ["groups"] },
        [LayerKind.Dropout] = new("Zeroes numbers while training, drawn by step and slot.", "p"),
        [LayerKind.Flatten] = new("Any shape to [numbers]."),
        [LayerKind.Relu] = new("max(x, 0)."),
        [LayerKind.Gelu] = new("x · Φ(x)."),
        [LayerKind.Tanh] = new("Hyperbolic tangent."),
        [LayerKind.Sigmoid] = new("1 / (1 + e^−x)."),
        [LayerKind.Softmax] = new("Probabilities of [features]."),
        [LayerKind.Residual] = new("x + its layers' output; where they change the shape, `shortcut` does the same to x.", "layers", "shortcut") { Required = ["layers"] },
        [LayerKind.Parallel] = new("Rows of layers over one input, joined: one behind the other (channels; of a sequence, its width), or added.", "branches", "join") { Required = ["branches"] },
        [LayerKind.Embedding] = new("Whole numbers [n] to a sequence [n, out] of learned vectors. First layer only.", "out", "size") { Required = ["out"] },
        [LayerKind.CategoryEmbedding] = new("Flags of each category of CSV data to a learned vector; numbers stay as they are. First layer only.", "out"),
        [LayerKind.PositionalEncoding] = new("Adds to each step of a sequence what tells its place, learned or fixed.", "fixed"),
        [LayerKind.MultiHeadAttention] = new("Attention of a sequence to itself.", "heads", "causal", "p", "bias") { Required = ["heads"] },
        [LayerKind.TransformerEncoder] = new("Blocks of attention and two linear layers, each with layer norm and residual, over a sequence.", "heads", "depth", "hidden", "causal", "activation", "normFirst", "p", "epsilon") { Required = ["heads"] },
        [LayerKind.Lstm] = new("Recurrent layers over a sequence.", "out", "depth", "bidirectional", "last", "p", "bias") { Required = ["out"] },
        [LayerKind.Gru] = new("Recurrent layers over a sequence.", "out", "depth", "bidirectional", "last", "p", "bias") { Required = ["out"] },
    };

    public static LayerForm Of(LayerKind kind) => Forms[kind];
}

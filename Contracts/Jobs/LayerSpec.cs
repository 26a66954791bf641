namespace Lockstep.Contracts.Jobs;

public enum LayerKind
{
    Linear = 1, Conv2d = 2, MaxPool2d = 3, AvgPool2d = 4, BatchNorm = 5, LayerNorm = 6, Dropout = 7, Flatten = 8, Relu = 9, Gelu = 10, Tanh = 11, Sigmoid = 12, Softmax = 13,
    Residual = 14, Parallel = 15, Embedding = 16, CategoryEmbedding = 17, PositionalEncoding = 18, MultiHeadAttention = 19, TransformerEncoder = 20, Conv1d = 21, Lstm = 22, Gru = 23,
    GlobalAvgPool = 24, BatchNorm1d = 25, GroupNorm = 26,
}

/// <summary>How the branches of a parallel layer become one.</summary>
public enum JoinKind { Concat = 1, Add = 2 }

/// <summary>What a transformer's blocks apply between their two linear layers.</summary>
public enum ActivationKind { Relu = 1, Gelu = 2 }

/// <summary>One layer. Which of the values a kind uses is stated by <see cref="LayerForms"/>.</summary>
public sealed record LayerSpec
{
    public required LayerKind Kind { get; init; }
    /// <value>Line of the layer in the job file, for error messages; 0 where there is none.</value>
    public int Line { get; init; }
    /// <value>Outputs, or output channels.</value>
    public int? Out { get; init; }
    /// <value>Convolutions and pools: edge of the window.</value>
    public int? Kernel { get; init; }
    public int? Stride { get; init; }
    public int? Padding { get; init; }
    /// <value>Probability of zeroing, in [0, 1).</value>
    public double? P { get; init; }
    public double? Epsilon { get; init; }
    public double? Momentum { get; init; }
    public bool? Bias { get; init; }
    /// <value>embedding: how many different whole numbers come in.</value>
    public int? Size { get; init; }
    /// <value>Attention: heads that share the width.</value>
    public int? Heads { get; init; }
    /// <value>Attention: whether a step sees itself and those before it alone.</value>
    public bool? Causal { get; init; }
    /// <value>Blocks, or recurrent layers, one upon the other.</value>
    public int? Depth { get; init; }
    /// <value>transformer-encoder: numbers between the two linear layers of a block.</value>
    public int? Hidden { get; init; }
    public ActivationKind? Activation { get; init; }
    /// <value>transformer-encoder: whether layer norms stand before attention and linear layers rather than behind them.</value>
    public bool? NormFirst { get; init; }
    /// <value>Recurrent layers: whether steps are gone through from both ends.</value>
    public bool? Bidirectional { get; init; }
    /// <value>Recurrent layers: whether what is left at the end alone comes out.</value>
    public bool? Last { get; init; }
    /// <value>group-norm: groups of channels.</value>
    public int? Groups { get; init; }
    /// <value>positional-encoding: sines and cosines instead of parameters.</value>
    public bool? Fixed { get; init; }
    /// <value>residual: what is added to the input.</value>
    public IReadOnlyList<LayerSpec>? Layers { get; init; }
    /// <value>residual: what the input itself goes through; null: nothing.</value>
    public IReadOnlyList<LayerSpec>? Shortcut { get; init; }
    /// <value>parallel: rows of layers that all take the same input.</value>
    public IReadOnlyList<IReadOnlyList<LayerSpec>>? Branches { get; init; }
    public JoinKind? Join { get; init; }

    /// <summary>This layer and those within it without their lines in the job file.</summary>
    public LayerSpec WithoutLines() => this with { Line = 0, Layers = WithoutLines(Layers), Shortcut = WithoutLines(Shortcut), Branches = Branches is null ? null : [.. Branches.Select(branch => WithoutLines(branch)!)] };

    /// <summary>Whether a list of layers, or one within it, has null in it, which JSON can say.</summary>
    internal static bool HasNull(IReadOnlyList<LayerSpec>? layers) =>
        layers?.Any(layer => layer is null || HasNull(layer.Layers) || HasNull(layer.Shortcut) || layer.Branches?.Any(branch => branch is null || HasNull(branch)) == true) == true;

    private static IReadOnlyList<LayerSpec>? WithoutLines(IReadOnlyList<LayerSpec>? layers) => layers is null ? null : [.. layers.Select(layer => layer.WithoutLines())];
}

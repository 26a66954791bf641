using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>The layers that a preset's name stands for.</summary>
internal static class LayerPresets
{
    private static readonly Dictionary<string, Func<ModelSpec, IReadOnlyList<int>, ModelNeeds, List<LayerSpec>>> Presets = new(StringComparer.Ordinal)
    {
        ["mlp"] = (model, shape, needs) => [.. Flat(shape), .. Hidden(model.Hidden, null), Linear(needs.Outputs)],
        ["cnn"] = (_, _, needs) => Cnn(needs.Outputs),
        ["resnet"] = (model, _, needs) => ResNet(model.Depth ?? 2, model.Width ?? 16, needs.Outputs),
        ["transformer"] = Transformer,
        ["tabular"] = Tabular,
    };

    private static readonly int[] TabularHidden = [128, 64];

    /// <summary>The model's own list, or that of its preset.</summary>
    /// <exception cref="InputException">There is no such preset, or neither preset nor layers.</exception>
    public static IReadOnlyList<LayerSpec> Expand(ModelSpec model, IReadOnlyList<int> sampleShape, ModelNeeds needs)
    {
        string names = string.Join(", ", Presets.Keys);
        return model.Preset switch
        {
            null when model.Layers.Count > 0 => model.Layers,
            null => throw new InputException(InputException.JobFile, 0, "The model has no layers.", $"Give 'layers' or one of the presets {names}."),
            var preset => Presets.TryGetValue(preset, out var make) ? make(model, sampleShape, needs) : throw new InputException(InputException.JobFile, 0, $"There is no model preset '{preset}'.", $"The presets are {names}."),
        };
    }

    /// <summary>Two convolutions and two linear layers.</summary>
    private static List<LayerSpec> Cnn(int outputs) =>
    [
        Convolution(16, bias: true), Of(LayerKind.Relu), new() { Kind = LayerKind.MaxPool2d, Kernel = 2 },
        Convolution(32, bias: true), Of(LayerKind.Relu), new() { Kind = LayerKind.MaxPool2d, Kernel = 2 },
        Of(LayerKind.Flatten), .. Hidden([128], null), Linear(outputs),
    ];

    /// <summary>A convolution, three stages of residual blocks that halve height and width and double the channels, and the mean of what comes out (He et al. 2016).</summary>
    private static List<LayerSpec> ResNet(int depth, int width, int outputs)
    {
        List<LayerSpec> layers = [Convolution(width), Of(LayerKind.BatchNorm), Of(LayerKind.Relu)];
        for (int stage = 0; stage < 3; stage++)
        {
            for (int block = 0; block < depth; block++)
            {
                int channels = checked(width << stage);
                bool changes = stage > 0 && block == 0;
                layers.Add(new()
                {
                    Kind = LayerKind.Residual,
                    Layers = [Convolution(channels, changes ? 2 : 1), Of(LayerKind.BatchNorm), Of(LayerKind.Relu), Convolution(channels), Of(LayerKind.BatchNorm)],
                    Shortcut = changes ? [new() { Kind = LayerKind.Conv2d, Out = channels, Kernel = 1, Stride = 2, Bias = false }, Of(LayerKind.BatchNorm)] : null,
                });
                layers.Add(Of(LayerKind.Relu));
            }
        }

        return [.. layers, Of(LayerKind.GlobalAvgPool), Linear(outputs)];
    }

    /// <summary>Vectors of whole numbers with their places, and blocks of attention. Causal where each position has a label of its own; else the mean over the positions is told apart.</summary>
    private static List<LayerSpec> Transformer(ModelSpec model, IReadOnlyList<int> sampleShape, ModelNeeds needs) =>
    [
        new() { Kind = LayerKind.Embedding, Out = model.Width ?? 64 },
        Of(LayerKind.PositionalEncoding),
        .. Dropout(model.Dropout),
        new() { Kind = LayerKind.TransformerEncoder, Depth = model.Depth ?? 2, Heads = model.Heads ?? 4, P = model.Dropout, Causal = needs.Positions is not null },
        .. needs.Positions is null ? [Of(LayerKind.GlobalAvgPool)] : Array.Empty<LayerSpec>(),
        Linear(needs.Outputs),
    ];

    /// <summary>Vectors of categories beside the numbers, where there are categories, and hidden layers.</summary>
    private static List<LayerSpec> Tabular(ModelSpec model, IReadOnlyList<int> sampleShape, ModelNeeds needs) =>
    [
        .. needs.Columns.Any(width => width > 1) ? [Of(LayerKind.CategoryEmbedding)] : Flat(sampleShape),
        .. Hidden(model.Hidden.Count > 0 ? model.Hidden : TabularHidden, model.Dropout),
        Linear(needs.Outputs),
    ];

    private static IEnumerable<LayerSpec> Flat(IReadOnlyList<int> shape) => shape.Count > 1 ? [Of(LayerKind.Flatten)] : [];

    private static IEnumerable<LayerSpec> Hidden(IEnumerable<int> widths, double? dropout) => widths.SelectMany(width => (LayerSpec[])[Linear(width), Of(LayerKind.Relu), .. Dropout(dropout)]);

    private static IEnumerable<LayerSpec> Dropout(double? p) => p is > 0 ? [new() { Kind = LayerKind.Dropout, P = p }] : [];

    private static LayerSpec Linear(int width) => new() { Kind = LayerKind.Linear, Out = width };

    private static LayerSpec Convolution(int channels, int stride = 1, bool bias = false) => new() { Kind = LayerKind.Conv2d, Out = channels, Kernel = 3, Padding = 1, Stride = stride, Bias = bias };

    private static LayerSpec Of(LayerKind kind) => new() { Kind = kind };
}

using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>The layers that a preset's name stands for.</summary>
internal static class LayerPresets
{
    /// <summary>The model's own list, or that of its preset.</summary>
    /// <exception cref="InputException">There is no such preset, or neither preset nor layers.</exception>
    public static IReadOnlyList<LayerSpec> Expand(ModelSpec model, IReadOnlyList<int> sampleShape, int outputs) => model.Preset switch
    {
        null when model.Layers.Count > 0 => model.Layers,
        null => throw new InputException(ModelPlan.JobFile, 0, "The model has no layers.", "Give 'layers' or a preset: mlp or cnn."),
        "mlp" => Mlp(model.Hidden, sampleShape, outputs),
        "cnn" => Cnn(outputs),
        _ => throw new InputException(ModelPlan.JobFile, 0, $"There is no model preset '{model.Preset}'.", "The presets are mlp and cnn."),
    };

    private static List<LayerSpec> Mlp(IReadOnlyList<int> hidden, IReadOnlyList<int> sampleShape, int outputs)
    {
        var layers = new List<LayerSpec>();
        if (sampleShape.Count > 1)
        {
            layers.Add(new() { Kind = LayerKind.Flatten });
        }

        foreach (var width in hidden)
        {
            layers.Add(new() { Kind = LayerKind.Linear, Out = width });
            layers.Add(new() { Kind = LayerKind.Relu });
        }

        layers.Add(new() { Kind = LayerKind.Linear, Out = outputs });
        return layers;
    }

    private static List<LayerSpec> Cnn(int outputs) =>
    [
        new() { Kind = LayerKind.Conv2d, Out = 16, Kernel = 3, Padding = 1 },
        new() { Kind = LayerKind.Relu },
        new() { Kind = LayerKind.MaxPool2d, Kernel = 2 },
        new() { Kind = LayerKind.Conv2d, Out = 32, Kernel = 3, Padding = 1 },
        new() { Kind = LayerKind.Relu },
        new() { Kind = LayerKind.MaxPool2d, Kernel = 2 },
        new() { Kind = LayerKind.Flatten },
        new() { Kind = LayerKind.Linear, Out = 128 },
        new() { Kind = LayerKind.Relu },
        new() { Kind = LayerKind.Linear, Out = outputs },
    ];
}

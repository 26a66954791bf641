using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>The window of a convolution or a pool.</summary>
internal readonly record struct LayerWindow(int Kernel, int Stride, int Padding)
{
    /// <summary>Checks that a window may lie on the layer's input at all.</summary>
    /// <exception cref="Contracts.InputException">A number is out of range.</exception>
    public static LayerWindow Of(LayerPlace place)
    {
        bool isPool = place.Spec.Kind is LayerKind.MaxPool2d or LayerKind.AvgPool2d;
        int kernel = place.Spec.Kernel ?? (isPool ? 2 : 3);
        var window = new LayerWindow(kernel, place.Spec.Stride ?? (isPool ? kernel : 1), place.Spec.Padding ?? 0);
        place.Require(window is { Kernel: > 0, Stride: > 0, Padding: >= 0 }, "has a window, stride or padding out of range", "Use kernel ≥ 1, stride ≥ 1, padding ≥ 0.");
        if (isPool)
        {
            place.Require(2 * window.Padding <= kernel, "has a padding of more than half its window", "Make 'padding' smaller.");
        }
        else
        {
            // Rows of zeros alone, and a few bytes of layers that take gigabytes.
            place.Require(window.Padding < kernel, $"has a padding of {window.Padding}, with which its window of {kernel} lies beside the input", "Make 'padding' smaller than 'kernel'.");
            place.Require(place.Spec.Out > 0, "has no number of output channels", "Give 'out', at least 1.");
        }

        return window;
    }

    /// <summary>What becomes of one dimension.</summary>
    /// <exception cref="Contracts.InputException">The window is larger than it.</exception>
    public int Slide(LayerPlace place, int size)
    {
        int room = size + (2 * Padding) - Kernel;
        place.Require(room >= 0, $"has a window of {Kernel}, larger than its input of {size} with padding {Padding}", "Make 'kernel' smaller or pool less before it.");
        return (room / Stride) + 1;
    }
}

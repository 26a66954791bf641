using Lockstep.Contracts.Jobs;

namespace Lockstep.Slot;

/// <summary>A slot that is measured.</summary>
/// <param name="Samples">Of one slot.</param>
internal sealed record SlotCase(string Name, JobSpec Job, int Samples)
{
    /// <value>Where Debian's package dataset-fashion-mnist puts its files.</value>
    public const string FashionFolder = "/usr/share/datasets/fashion-mnist";

    private static readonly LayerSpec Relu = new() { Kind = LayerKind.Relu };
    private static readonly LayerSpec Pool = new() { Kind = LayerKind.MaxPool2d, Kernel = 2 };
    private static readonly LayerSpec Flatten = new() { Kind = LayerKind.Flatten };

    /// <param name="samples">The folder of the sample jobs.</param>
    public static IEnumerable<SlotCase> All(string samples)
    {
        JobSpec digits = JobFile.Load(Path.Combine(samples, "digits", "job.yaml"), []);
        yield return new("digits, 8 samples", digits, 8);
        if (!Directory.Exists(FashionFolder))
        {
            yield break;
        }

        JobSpec fashion = JobFile.Load(Path.Combine(samples, "fashion-mnist", "job.yaml"), []);
        yield return Of("CNN, 16 samples", fashion, 16, Convolution(16), Relu, Pool, Convolution(32), Relu, Pool, Flatten, Linear(128), Relu, Linear(10));
        foreach (int width in (int[])[512, 2048])
        {
            yield return Of($"MLP 784-{width}-{width}-10, 256 samples", fashion, 256, Flatten, Linear(width), Relu, Linear(width), Relu, Linear(10));
        }
    }

    private static SlotCase Of(string name, JobSpec job, int samples, params LayerSpec[] layers) => new(name, job with { Model = new ModelSpec { Layers = layers } }, samples);

    private static LayerSpec Linear(int width) => new() { Kind = LayerKind.Linear, Out = width };

    private static LayerSpec Convolution(int channels) => new() { Kind = LayerKind.Conv2d, Out = channels, Padding = 1 };
}

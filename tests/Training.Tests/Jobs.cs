using Lockstep.Contracts.Jobs;

namespace Lockstep.Training.Tests;

/// <summary>Jobs to test with.</summary>
internal static class Jobs
{
    public static JobSpec Of(LossKind loss, params LayerSpec[] layers) => new()
    {
        Name = "test",
        Model = new() { Layers = layers },
        Data = new() { Format = DataFormat.Csv, Train = "/nowhere.csv" },
        Loss = loss,
        Seed = 7,
    };

    public static LayerSpec Layer(LayerKind kind, int? @out = null, int? kernel = null, int? stride = null, int? padding = null, double? p = null, bool? bias = null) =>
        new() { Kind = kind, Out = @out, Kernel = kernel, Stride = stride, Padding = padding, P = p, Bias = bias, Line = 12 };
}

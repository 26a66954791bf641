using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Tools;

namespace Lockstep.Cli.Views;

/// <summary>What a check found, as text.</summary>
internal static class CheckView
{
    private const int ShownFeatures = 6;
    private const int ShownNames = 10;

    public static IEnumerable<string> Lines(CheckReport report)
    {
        if (report.Data is { } data)
        {
            yield return $"data      {Count(data.Train, "training sample")} of {Shape(data.Shape)}, {(data.Validation > 0 ? Count(data.Validation, "validation sample") : "none for validation")}; {Labels(data)}";
            foreach (CheckedSample sample in data.Samples)
            {
                string features = string.Join(", ", sample.Features.Take(ShownFeatures).Select((value, i) => $"{(i < data.Features.Count ? Printable.Of(data.Features[i]) + " " : "")}{Number(value)}"));
                yield return $"  sample  {features}{(sample.Features.Count > ShownFeatures ? ", …" : "")} → {string.Join(", ", sample.Labels.Select(label => Label(data, label)))}";
            }
        }

        if (report.Model is { } model)
        {
            for (int i = 0; i < model.Layers.Count; i++)
            {
                CheckedLayer layer = model.Layers[i];
                yield return $"{(i == 0 ? "model" : ""),-10}{layer.Kind,-12} {Shape(layer.Input)} → {Shape(layer.Output)}{(layer.Parameters > 0 ? $"  {Count(layer.Parameters, "parameter")}" : "")}";
            }

            yield return $"          {Count(model.Parameters, "parameter")}; with the optimizer's state {Bytes(model.StateBytes)}; a worker needs {Bytes(model.WorkerBytes)} for it";
            yield return $"steps     {model.Steps.ToString("N0", CultureInfo.InvariantCulture)}, {model.StepsPerEpoch.ToString("N0", CultureInfo.InvariantCulture)} an epoch";
        }
    }

    private static string Classes(int count) => count == 1 ? "one class" : $"{count} classes";

    private static string Labels(CheckedData data) => data.Classes is not { } classes ? "labels are numbers"
        : data.ClassNames.Count == 0 ? Classes(classes)
        : $"{Classes(classes)}: {string.Join(", ", data.ClassNames.Take(ShownNames).Select(Printable.Of))}{(data.ClassNames.Count > ShownNames ? " …" : "")}";

    private static string Label(CheckedData data, float label) => data.Classes is not null && data.ClassNames.Count > 0 ? Printable.Of(data.ClassNames[(int)label]) : Number(label);

    private static string Count(long count, string one) => $"{count.ToString("N0", CultureInfo.InvariantCulture)} {one}{(count == 1 ? "" : "s")}";

    private static string Shape(IReadOnlyList<int> shape) => $"[{string.Join(", ", shape)}]";

    private static string Number(float value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private static string Bytes(long bytes) => bytes switch
    {
        < 1000 => Amount.Of(bytes, "byte"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:F1} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F1} GB"),
    };
}

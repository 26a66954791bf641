using System.Globalization;
using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Data;
using Lockstep.Training;

namespace Lockstep.Worker.Tools;

/// <summary>Writes what a model says of data as CSV, a line a row: the class and the probability of each, or the numbers.</summary>
internal sealed class PredictTool(PredictRequest request, ComponentCatalog catalog, TextWriter output)
{
    private const string Prediction = "prediction";

    public int Run(CancellationToken cancellation)
    {
        var stored = new StoredModel(request.Model);
        using IDataSet data = DataSets.OpenForPrediction(stored.DataAt(request.Data, null), stored.Table, request.Cache, cancellation);
        string[]? classes = ClassesOf(stored);
        int numbers = Math.Max(1, stored.Spec.Data.Labels.Count);
        // The data have no label, and the model has the outputs that its labels asked for.
        DataField[] fields = [.. DataFields.Of(data), DataField.Label("label", numbers) with { Classes = classes?.Length }];
        using NeuralModel model = stored.Build(fields, catalog, request.Data);
        string[] header = classes is not null ? [Prediction, .. classes.Select(name => $"probability_{name}")]
            : numbers == 1 ? [Prediction] : [.. stored.Spec.Data.Labels.Select(name => $"{Prediction}_{name}")];
        if (request.Output is null)
        {
            Write(output, header, model, classes, stored.Table, data, cancellation);
            return 0;
        }

        WholeFile.Write(request.Output, "--output", writer => Write(writer, header, model, classes, stored.Table, data, cancellation));
        output.WriteLine($"{Amount.Of(data.Count, "prediction")}: {request.Output}");
        return 0;
    }

    /// <returns>Names by class; null: the labels are numbers.</returns>
    private string[]? ClassesOf(StoredModel stored)
    {
        if (stored.Spec.Loss is not (LossKind.CrossEntropy or LossKind.BinaryCrossEntropy))
        {
            return null;
        }

        return stored.Table.Classes is not null ? stored.Table.NamesOfClasses() : throw new InputException(request.Model, 0, "The model's preparation names no number of classes.", "Give a model that lockstep wrote.");
    }

    private static void Write(TextWriter writer, string[] header, NeuralModel model, string[]? classes, NormalizationTable table, IDataSet data, CancellationToken cancellation)
    {
        writer.WriteLine(string.Join(',', header.Select(Field)));
        var predictor = new Predictor(model, data);
        for (long first = 0; first < data.Count; first += model.SamplesAtOnce)
        {
            cancellation.ThrowIfCancellationRequested();
            int samples = (int)Math.Min(model.SamplesAtOnce, data.Count - first);
            float[] values = predictor.Run([.. Enumerable.Range(0, samples).Select(i => first + i)]);
            int width = values.Length / samples;
            for (int at = 0; at < values.Length; at += width)
            {
                writer.WriteLine(Line(values.AsSpan(at, width), classes, table));
            }
        }

        writer.Flush();
    }

    private static string Line(ReadOnlySpan<float> values, string[]? classes, NormalizationTable table)
    {
        if (classes is null)
        {
            return string.Join(',', values.ToArray().Select((value, label) => table.LabelOffset is null ? Number(value) : table.RestoreLabel(label, value).ToString("R", CultureInfo.InvariantCulture)));
        }

        // As accuracy counts it.
        int best = values.Length == 1 ? (values[0] > 0 ? 1 : 0) : values.IndexOf(values.ToArray().Max());
        return $"{Field(classes[best])},{string.Join(',', Predictor.Probabilities(values).Select(p => Number((float)p)))}";
    }

    private static string Number(float value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Field(string text) => text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}

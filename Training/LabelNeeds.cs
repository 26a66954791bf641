using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Metrics;

namespace Lockstep.Training;

/// <summary>What losses and metrics of the job file need of a model and of labels.</summary>
internal static class LabelNeeds
{
    /// <summary>Of the metric top-k, where the job names no number.</summary>
    public const int UsualTopK = 5;

    /// <summary>The label that losses and metrics of the job file take: the first; null: the data have none.</summary>
    public static DataField? Label(IReadOnlyList<DataField> fields) => fields.FirstOrDefault(field => field.IsLabel);

    /// <summary>What the data and the loss ask of a model of layers, which takes one input.</summary>
    /// <exception cref="InputException">The data have several inputs, or labels don't suit the loss.</exception>
    public static ModelNeeds OfLayers(JobSpec job, IReadOnlyList<DataField> fields)
    {
        DataField[] inputs = [.. fields.Where(field => !field.IsLabel)];
        return inputs is [var only]
            ? ModelNeeds.Of(only, Label(fields), Outputs(job, fields) ?? 0)
            : throw new InputException(InputException.JobFile, 0, $"The data have the inputs {string.Join(", ", inputs.Select(input => $"{input.Name} of {input.Type}"))}, and layers of the job file take one.", "Give such data, or a model of your own.");
    }

    /// <summary>Shape of what a loss of the job file takes for one sample.</summary>
    public static IReadOnlyList<int> OutputShape(IReadOnlyList<DataField> fields, int outputs) => ModelNeeds.Of(fields.First(field => !field.IsLabel), Label(fields), outputs).OutputShape;

    /// <summary>The number of outputs that a loss needs: label columns (mse, mae), classes (cross-entropy) or 1 (binary cross-entropy); null: the loss is the model's own.</summary>
    /// <exception cref="InputException">The labels don't suit the loss.</exception>
    public static int? Outputs(JobSpec job, IReadOnlyList<DataField> fields)
    {
        if (job.Loss == LossKind.Model)
        {
            return null;
        }

        string file = job.Data.Train.Length > 0 ? job.Data.Train : InputException.JobFile;
        DataField label = Label(fields) ?? throw new InputException(file, 0, $"The data have no label, which the loss {JobWords.Of(job.Loss)} needs.", "Give a field that is a label, or take the loss 'model'.");
        return job.Loss switch
        {
            LossKind.CrossEntropy => label.Classes ?? throw new InputException(file, 0, "The loss cross-entropy needs one label column of classes.", "Name one column in 'labels'; for numbers take the loss mse, mae or huber."),
            LossKind.BinaryCrossEntropy => label.Classes switch
            {
                _ when label.Length > 1 => throw new InputException(file, 0, $"A sample has {label.Length} labels, and binary cross-entropy takes one.", "Take the loss cross-entropy."),
                2 => 1,
                1 => throw new InputException(file, 0, "All labels are of one class, and binary cross-entropy tells two apart.", "Give data with both."),
                { } more => throw new InputException(file, 0, $"The labels have {more} classes, and binary cross-entropy tells two apart.", "Take the loss cross-entropy."),
                null => throw new InputException(file, 0, "The loss binary-cross-entropy needs one label column of two classes.", "Name one column in 'labels'; for numbers take the loss mse, mae or huber."),
            },
            _ => label.Length,
        };
    }

    /// <exception cref="InputException">A metric cannot be had with the loss.</exception>
    public static void CheckMetrics(JobSpec job, IReadOnlyList<DataField> fields, int? outputs)
    {
        InputError[] errors = [.. MetricErrors(job, outputs, ModelNeeds.PositionsOf(Label(fields)))];
        if (errors.Length > 0)
        {
            throw new InputException(errors);
        }
    }

    /// <param name="positions">Labels of one sample, where each position of a sequence has a class; null: a sample has one.</param>
    public static IEnumerable<InputError> MetricErrors(JobSpec job, int? outputs, int? positions)
    {
        foreach (var metric in job.Metrics)
        {
            var classes = job.Loss is LossKind.CrossEntropy or LossKind.BinaryCrossEntropy;
            var fits = job.Loss != LossKind.Model && metric switch
            {
                MetricKind.Accuracy or MetricKind.F1 or MetricKind.Precision or MetricKind.Recall => classes,
                MetricKind.Confusion => classes && outputs <= ClassTally.LargestMatrix,
                MetricKind.TopK => job.Loss == LossKind.CrossEntropy && (job.TopK ?? UsualTopK) < outputs,
                MetricKind.Perplexity => job.Loss == LossKind.CrossEntropy,
                MetricKind.R2 or MetricKind.Mape => !classes,
                MetricKind.Auc or MetricKind.RecallAtPrecision => positions is null && (job.Loss == LossKind.BinaryCrossEntropy || (job.Loss == LossKind.CrossEntropy && outputs == 2)),
                _ => job.Loss != LossKind.CrossEntropy,
            };
            if (!fits)
            {
                yield return new(InputException.JobFile, 0, $"The metric {JobWords.Of(metric)} cannot be had with the loss {JobWords.Of(job.Loss)}{(outputs is null ? "" : $" and {outputs} outputs")}.", outputs is null ? "Name metrics of the model in 'model.metrics'." : $"accuracy, f1, precision and recall need classes, confusion at most {ClassTally.LargestMatrix} of them, top-k more of them than k (topK), perplexity the loss cross-entropy, auc and recall-at-precision two and one label a sample, mae, rmse, r2 and mape numbers.");
            }
        }
    }
}

using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>The files that data for training, or for validation, are read from.</summary>
/// <param name="Files">Their rows follow each other; empty: there are none.</param>
/// <param name="Labels">Idx: one for each; empty: in the same files, or nowhere.</param>
internal sealed record DataPart(IReadOnlyList<string> Files, IReadOnlyList<string> Labels)
{
    public static DataPart OfTraining(DataSpec data) => new([data.Train, .. data.TrainMore], All(data.TrainLabels, data.TrainLabelsMore));

    public static DataPart OfValidation(DataSpec data) => new(All(data.Validation, data.ValidationMore), All(data.ValidationLabels, data.ValidationLabelsMore));

    /// <exception cref="InputException">Idx: there are no labels.</exception>
    public DataPart Labelled(DataSpec data) => data.Format == DataFormat.Idx && Files.Count > 0 && Labels.Count != Files.Count
        ? throw new InputException(Files[0], 0, "There is no file of labels for these images.", "Set 'trainLabels' (and 'validationLabels').")
        : this;

    private static string[] All(string? first, IReadOnlyList<string> more) => first is null ? [] : [first, .. more];
}

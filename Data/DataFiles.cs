using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>The files of a data set, whose rows follow each other.</summary>
internal static class DataFiles
{
    public static IReadOnlyList<string> OfTraining(DataSpec data) => [data.Train, .. data.TrainMore];

    /// <returns>Empty: there are none.</returns>
    public static IReadOnlyList<string> OfValidation(DataSpec data) => data.Validation is { } first ? [first, .. data.ValidationMore] : [];
}

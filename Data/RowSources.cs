using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Which format is read by what.</summary>
internal static class RowSources
{
    /// <param name="isClasses">Whether the loss takes classes as labels, and not numbers.</param>
    /// <param name="files">In order.</param>
    /// <param name="labels">Idx: the file of labels; null: there are none.</param>
    /// <param name="known">Of the training data: names and categories must be the same; null: these are the training data.</param>
    /// <param name="progress">Is told how far each file is read.</param>
    public static IRowSource Of(DataSpec data, bool isClasses, IReadOnlyList<string> files, string? labels, DataSchema? known, IProgress<DataProgress>? progress) => data.Format switch
    {
        DataFormat.Csv => new CsvSource(files, data, isClasses, known, progress),
        DataFormat.Idx => new IdxSource(files[0], labels, progress),
        DataFormat.Text => new TextSource(files, data, known, progress),
        _ => throw new InputException(InputException.JobFile, 0, $"Data of the format {JobWords.Of(data.Format)} are not read from files.", "Name one of the formats."),
    };
}

using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Which format is read by what.</summary>
internal static class RowSources
{
    /// <param name="isClasses">Whether the loss takes classes as labels, and not numbers.</param>
    /// <param name="part">The files.</param>
    /// <param name="isLabelled">False: labels are not looked at.</param>
    /// <param name="known">Of the training data: names and categories must be the same; null: these are the training data.</param>
    /// <param name="progress">Is told how far each file is read.</param>
    public static IRowSource Of(DataSpec data, DataPart part, bool isClasses, bool isLabelled, DataSchema? known, IProgress<DataProgress>? progress) => data.Format switch
    {
        DataFormat.Csv or DataFormat.JsonLines or DataFormat.Parquet => new TableSource(part.Files, data, isClasses, known, progress),
        DataFormat.Idx => new IdxSource(part.Files, isLabelled ? part.Labelled(data).Labels : [], progress),
        DataFormat.Text => new TextSource(part.Files, data, known, progress),
        DataFormat.Images => new ImageSource(part.Files, data, isClasses, isLabelled, known, progress),
        _ => throw new InputException(InputException.JobFile, 0, $"Data of the format {JobWords.Of(data.Format)} are not read from files.", "Name one of the formats."),
    };
}

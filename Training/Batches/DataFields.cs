using Lockstep.Abstractions;
using Lockstep.Data;

namespace Lockstep.Training;

/// <summary>Data of the job file's formats as fields.</summary>
public static class DataFields
{
    /// <returns>An input, and a label where there is one.</returns>
    public static IReadOnlyList<DataField> Of(IDataSet data) => new DataSetSource(data).Fields;
}

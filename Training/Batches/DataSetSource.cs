using Lockstep.Abstractions;
using Lockstep.Data;

namespace Lockstep.Training;

/// <summary>Data of the job file's formats as a data source: an input <see cref="Features"/>, and a label where there is one. The data set stays the caller's.</summary>
internal sealed class DataSetSource(IDataSet data) : IDataSource
{
    /// <summary>Name of the input.</summary>
    public const string Features = "features";

    /// <summary>Name of the label.</summary>
    public const string Label = "label";

    public long Count => data.Count;

    public IReadOnlyList<DataField> Fields { get; } =
    [
        new DataField(Features, [.. data.SampleShape.Select(size => (long)size)]) { Columns = data.ColumnWidths },
        .. data.LabelWidth == 0 ? Array.Empty<DataField>() : [new DataField(Label, [data.LabelWidth]) { IsLabel = true, Classes = data.Classes, Units = [.. data.LabelScales.Select(scale => scale.Unit)], Offsets = [.. data.LabelScales.Select(scale => scale.Offset)] }],
    ];

    public void Read(long index, Sample sample) => data.Read([index], sample.Floats(0), Fields.Count > 1 ? sample.Floats(1) : []);

    public void Dispose()
    {
    }
}

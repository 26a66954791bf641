using System.Buffers;
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
        new DataField(Features, [.. data.SampleShape.Select(size => (long)size)], data.HasIndexes ? FieldType.Int64 : FieldType.Float32) { Columns = data.ColumnWidths, Classes = data.HasIndexes ? data.Classes : null },
        .. data.LabelWidth == 0 ? Array.Empty<DataField>() : [new DataField(Label, [data.LabelWidth], data.HasIndexes ? FieldType.Int64 : FieldType.Float32) { IsLabel = true, Classes = data.Classes, Units = [.. data.LabelScales.Select(scale => scale.Unit)], Offsets = [.. data.LabelScales.Select(scale => scale.Offset)] }],
    ];

    public void Read(long index, Sample sample)
    {
        if (!data.HasIndexes)
        {
            data.Read([index], sample.Seed is { } seed ? [seed] : [], sample.Floats(0), Fields.Count > 1 ? sample.Floats(1) : []);
            return;
        }

        int features = data.FeatureCount, width = features + data.LabelWidth;
        float[] read = ArrayPool<float>.Shared.Rent(width);
        data.Read([index], read.AsSpan(0, features), read.AsSpan(features, width - features));
        Convert(read.AsSpan(0, features), sample.Integers(0));
        Convert(read.AsSpan(features, width - features), sample.Integers(1));
        ArrayPool<float>.Shared.Return(read);
    }

    public void Dispose()
    {
    }

    private static void Convert(ReadOnlySpan<float> indexes, Span<long> target)
    {
        for (int i = 0; i < indexes.Length; i++)
        {
            target[i] = (long)indexes[i];
        }
    }
}

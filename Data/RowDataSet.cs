namespace Lockstep.Data;

/// <summary>Rows of a store as samples, normalised.</summary>
/// <param name="classes">Over training and validation data.</param>
/// <param name="rowOf">The row of a sample id.</param>
/// <param name="owns">Whether the store is closed with this data set.</param>
internal sealed class RowDataSet(RowStore rows, NormalizationTable table, long count, int? classes, string fingerprint, Func<long, long> rowOf, bool owns = true) : IDataSet
{
    public long Count => count;
    public int FeatureCount => rows.Format.Features;
    public IReadOnlyList<int> SampleShape => rows.Format.Shape;
    public int LabelWidth => rows.Format.Labels;
    public int? Classes => classes;
    public string Fingerprint => fingerprint;

    public void Read(ReadOnlySpan<long> sampleIds, Span<float> features, Span<float> labels)
    {
        int width = FeatureCount;
        if (features.Length != (long)sampleIds.Length * width || labels.Length != (long)sampleIds.Length * LabelWidth)
        {
            throw new ArgumentException($"{sampleIds.Length} samples of {width} features and {LabelWidth} labels do not fit {features.Length} and {labels.Length} values.", nameof(features));
        }

        for (int i = 0; i < sampleIds.Length; i++)
        {
            if (sampleIds[i] < 0 || sampleIds[i] >= count)
            {
                throw new ArgumentException($"There is no sample {sampleIds[i]}; there are {count}.", nameof(sampleIds));
            }

            Span<float> sample = features.Slice(i * width, width);
            rows.Read(rowOf(sampleIds[i]), sample, labels.Slice(i * LabelWidth, LabelWidth));
            table.Apply(sample);
        }
    }

    public void Dispose()
    {
        if (owns)
        {
            rows.Dispose();
        }
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lockstep.Data;

/// <summary>Rows of a store as samples, prepared.</summary>
/// <param name="classes">Over training and validation data.</param>
/// <param name="rowOf">The row of a sample id.</param>
/// <param name="owns">Whether the store is closed with this data set.</param>
internal sealed class RowDataSet(RowStore rows, NormalizationTable table, long count, int? classes, string fingerprint, Func<long, long> rowOf, bool owns = true) : IDataSet
{
    private readonly int[] _firstFeature = FirstFeatures(rows.Format);

    /// <summary>By stored column of features: the flag of each stored index; null for numbers.</summary>
    private readonly int[]?[] _ranks = [.. rows.Format.FeatureColumns.Select(c => c.Categories is null ? null : c.Ranks())];

    private readonly LabelReader _labels = new(rows.Format, table, rows.LabelOffset);

    /// <summary>Each byte, prepared, where all pixels are prepared alike.</summary>
    private readonly float[]? _pixels = Pixels(rows.Format, table);

    /// <summary>Whether each stored value is one feature.</summary>
    private readonly bool _plain = rows.Format.FeatureColumns.All(c => c.Categories is null);

    public long Count => count;
    public int FeatureCount { get; } = rows.Format.Bytes ? rows.Format.Features : FirstFeatures(rows.Format)[^1];
    public IReadOnlyList<int> SampleShape { get; } = SampleShapeOf(rows.Format);
    public IReadOnlyList<int> ColumnWidths { get; } = rows.Format.Bytes ? [] : [.. FirstFeatures(rows.Format) is var first ? first.Skip(1).Zip(first, (next, at) => next - at) : []];
    public int LabelWidth => rows.Format.Labels;
    public IReadOnlyList<LabelScale> LabelScales { get; } = table.LabelScales();
    public int? Classes => classes;
    public string Fingerprint => fingerprint;

    /// <summary>By stored feature column, where its features begin; then how many there are.</summary>
    public static int[] FirstFeatures(RowFormat format)
    {
        var first = new List<int>(format.Columns.Length + 1) { 0 };
        foreach (RowColumn column in format.FeatureColumns)
        {
            first.Add(first[^1] + (column.Categories?.Length ?? 1));
        }

        return [.. first];
    }

    /// <summary>Of one prepared sample.</summary>
    public static int[] SampleShapeOf(RowFormat format) => format.Bytes ? format.Shape : [FirstFeatures(format)[^1]];

    public void Read(ReadOnlySpan<long> sampleIds, Span<float> features, Span<float> labels)
    {
        int width = FeatureCount;
        CheckSpans(this, sampleIds, features, labels);
        using RowReader reader = rows.Open();
        for (int i = 0; i < sampleIds.Length; i++)
        {
            ReadOnlySpan<byte> row = reader[rowOf(sampleIds[i])];
            Prepare(row, features.Slice(i * width, width));
            _labels.Read(row, labels.Slice(i * LabelWidth, LabelWidth));
        }
    }

    public void Dispose()
    {
        if (owns)
        {
            rows.Dispose();
        }
    }

    /// <summary>Whether what is asked for is there, and has room.</summary>
    /// <exception cref="ArgumentException">An id is out of range, or a span has another length.</exception>
    public static void CheckSpans(IDataSet data, ReadOnlySpan<long> sampleIds, ReadOnlySpan<float> features, ReadOnlySpan<float> labels)
    {
        if (features.Length != (long)sampleIds.Length * data.FeatureCount || labels.Length != (long)sampleIds.Length * data.LabelWidth)
        {
            throw new ArgumentException($"{sampleIds.Length} samples of {data.FeatureCount} features and {data.LabelWidth} labels do not fit {features.Length} and {labels.Length} values.", nameof(features));
        }

        foreach (long id in sampleIds)
        {
            if (id < 0 || id >= data.Count)
            {
                throw new ArgumentException($"There is no sample {id}; there are {data.Count}.", nameof(sampleIds));
            }
        }
    }

    private void Prepare(ReadOnlySpan<byte> row, Span<float> features)
    {
        if (_pixels is not null)
        {
            PreparePixels(_pixels, row[..features.Length], features);
        }
        else if (rows.Format.Bytes)
        {
            for (int i = 0; i < features.Length; i++)
            {
                features[i] = table.Prepare(i, row[i]);
            }
        }
        else if (_plain)
        {
            PrepareNumbers(MemoryMarshal.Cast<byte, double>(row[..rows.LabelOffset]), features);
        }
        else
        {
            PrepareFlags(MemoryMarshal.Cast<byte, double>(row[..rows.LabelOffset]), features);
        }
    }

    private static void PreparePixels(float[] prepared, ReadOnlySpan<byte> row, Span<float> features)
    {
        // 256 of them: no byte is outside, and nothing is looked up for each but its value.
        ref float values = ref MemoryMarshal.GetArrayDataReference(prepared);
        ref byte from = ref MemoryMarshal.GetReference(row);
        ref float to = ref MemoryMarshal.GetReference(features);
        int i = 0;
        for (; i <= row.Length - 8; i += 8)
        {
            ulong eight = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref from, i));
            for (int k = 0; k < 8; k++)
            {
                Unsafe.Add(ref to, i + k) = Unsafe.Add(ref values, (int)(byte)(eight >> (8 * k)));
            }
        }

        for (; i < row.Length; i++)
        {
            Unsafe.Add(ref to, i) = Unsafe.Add(ref values, (int)Unsafe.Add(ref from, i));
        }
    }

    private void PrepareFlags(ReadOnlySpan<double> stored, Span<float> features)
    {
        for (int i = 0; i < stored.Length; i++)
        {
            int at = _firstFeature[i];
            if (_ranks[i] is not { } ranks)
            {
                features[at] = table.Prepare(at, stored[i]);
                continue;
            }

            features.Slice(at, ranks.Length).Clear();
            if (!double.IsNaN(stored[i]))
            {
                features[at + ranks[(int)stored[i]]] = 1;
            }
        }
    }

    /// <summary>As <see cref="NormalizationTable.Prepare"/>, several at a time.</summary>
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PrepareNumbers(ReadOnlySpan<double> stored, Span<float> features)
    {
        int done = 0;
        if (Vector.IsHardwareAccelerated)
        {
            for (; done <= stored.Length - Vector<float>.Count; done += Vector<float>.Count)
            {
                Vector.Narrow(Prepared(stored, done), Prepared(stored, done + Vector<double>.Count)).CopyTo(features[done..]);
            }
        }

        for (int i = done; i < stored.Length; i++)
        {
            features[i] = table.Prepare(i, stored[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector<double> Prepared(ReadOnlySpan<double> stored, int at)
    {
        var value = new Vector<double>(stored[at..]);
        value = Vector.ConditionalSelect(Vector.Equals(value, value), value, new Vector<double>(table.Fill, at));
        return (value - new Vector<double>(table.Offset, at)) * new Vector<double>(table.Factor, at);
    }

    /// <summary>Each byte, prepared; null where not all pixels are prepared alike.</summary>
    public static float[]? Pixels(RowFormat format, NormalizationTable table) =>
        format.Bytes && !table.Offset.AsSpan().ContainsAnyExcept(table.Offset[0]) && !table.Factor.AsSpan().ContainsAnyExcept(table.Factor[0])
            ? [.. Enumerable.Range(0, 256).Select(value => table.Prepare(0, value))]
            : null;
}

using System.Runtime.InteropServices;

namespace Lockstep.Data;

/// <summary>The labels of stored rows, prepared.</summary>
/// <param name="offset">Where they begin within a row.</param>
internal sealed class LabelReader(RowFormat format, NormalizationTable table, int offset)
{
    /// <summary>By label: the class of each stored index; null for numbers.</summary>
    private readonly int[]?[] _classes = [.. Enumerable.Range(0, format.Labels).Select(label => format.LabelColumn(label) is { Categories: not null } column ? column.Ranks() : null)];

    /// <param name="labels">[labels], overwritten; a class is its index.</param>
    public void Read(ReadOnlySpan<byte> row, Span<float> labels)
    {
        ReadOnlySpan<double> stored = MemoryMarshal.Cast<byte, double>(row[offset..]);
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = _classes[i] is { } ranks ? ranks[(int)stored[i]] : table.PrepareLabel(i, stored[i]);
        }
    }
}

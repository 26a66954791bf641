using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Sequences of a store's tokens as samples: the label of each token is the one that follows it.</summary>
/// <param name="sampleOf">The sequence, in the text's order, of a sample id.</param>
/// <param name="owns">Whether the store is closed with this data set.</param>
internal sealed class TokenDataSet(RowStore rows, TextSpec text, long count, int vocabulary, string fingerprint, Func<long, long> sampleOf, bool owns) : IDataSet
{
    private readonly int[]? _ranks = rows.Format.Columns[0].Categories is null ? null : rows.Format.Columns[0].Ranks();

    public long Count => count;
    public int FeatureCount => text.Length;
    public IReadOnlyList<int> SampleShape { get; } = [text.Length];
    public bool HasIndexes => true;
    public int LabelWidth => text.Length;
    public IReadOnlyList<LabelScale> LabelScales => [];
    public int? Classes => vocabulary;
    public string Fingerprint => fingerprint;

    /// <summary>Samples of a text: each has one token more than its length, for the last one's label.</summary>
    public static long SamplesOf(long tokens, TextSpec text) => tokens <= text.Length ? 0 : ((tokens - text.Length - 1) / StrideOf(text)) + 1;

    public void Read(ReadOnlySpan<long> sampleIds, Span<float> features, Span<float> labels)
    {
        int length = text.Length;
        RowDataSet.CheckSpans(this, sampleIds, features, labels);
        using RowReader reader = rows.Open();
        for (int i = 0; i < sampleIds.Length; i++)
        {
            ReadOnlySpan<int> tokens = MemoryMarshal.Cast<byte, int>(reader.Rows(sampleOf(sampleIds[i]) * StrideOf(text), length + 1));
            Span<float> given = features.Slice(i * length, length), next = labels.Slice(i * length, length);
            for (int t = 0; t < length; t++)
            {
                given[t] = IndexOf(tokens[t]);
                next[t] = IndexOf(tokens[t + 1]);
            }
        }
    }

    public void Dispose()
    {
        if (owns)
        {
            rows.Dispose();
        }
    }

    private static int StrideOf(TextSpec text) => text.Stride ?? text.Length;

    private int IndexOf(int stored) => _ranks is null ? stored : _ranks[stored];
}

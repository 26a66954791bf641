using Lockstep.Data;

namespace Lockstep.Training.Tests;

/// <summary>Samples drawn from a seed: features in [−1, 1), labels as told.</summary>
internal sealed class MemoryDataSet(long count, int[] shape, int labelWidth = 1, int? classes = null, int seed = 1, LabelScale[]? labelScales = null, int[]? columns = null) : IDataSet
{
    private int _reads;

    public long Count => count;
    public int FeatureCount { get; } = shape.Aggregate(1, (product, size) => product * size);
    public IReadOnlyList<int> SampleShape => shape;
    public IReadOnlyList<int> ColumnWidths => columns ?? [];
    public int LabelWidth => labelWidth;
    public IReadOnlyList<LabelScale> LabelScales => labelScales ?? [];
    public int? Classes => classes;
    public string Fingerprint => $"{count}-{seed}";

    /// <value>Samples that were read so far.</value>
    public int Reads => _reads;

    public void Read(ReadOnlySpan<long> sampleIds, Span<float> features, Span<float> labels)
    {
        Interlocked.Add(ref _reads, sampleIds.Length);
        for (var i = 0; i < sampleIds.Length; i++)
        {
            var random = new Random((int)(sampleIds[i] * 1000) + seed);
            foreach (ref var value in features.Slice(i * FeatureCount, FeatureCount))
            {
                value = (float)((2 * random.NextDouble()) - 1);
            }

            foreach (ref var value in labels.Slice(i * labelWidth, labelWidth))
            {
                value = classes is { } n ? random.Next(n) : (float)((2 * random.NextDouble()) - 1);
            }
        }
    }

    public void Dispose()
    {
    }
}

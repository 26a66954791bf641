using Lockstep.Data;

namespace Lockstep.Training.Tests;

/// <summary>Samples as they are given.</summary>
internal sealed class GivenDataSet(float[][] features, float[][] labels, int? classes = null, LabelScale[]? labelScales = null) : IDataSet
{
    public long Count => features.Length;
    public int FeatureCount => features[0].Length;
    public IReadOnlyList<int> SampleShape => [FeatureCount];
    public int LabelWidth => labels[0].Length;
    public IReadOnlyList<LabelScale> LabelScales => labelScales ?? [];
    public int? Classes => classes;
    public string Fingerprint => "";

    public void Read(ReadOnlySpan<long> sampleIds, Span<float> intoFeatures, Span<float> intoLabels)
    {
        for (int i = 0; i < sampleIds.Length; i++)
        {
            features[sampleIds[i]].CopyTo(intoFeatures[(i * FeatureCount)..]);
            labels[sampleIds[i]].CopyTo(intoLabels[(i * LabelWidth)..]);
        }
    }

    public void Dispose()
    {
    }
}

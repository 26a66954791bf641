namespace Lockstep.Data;

/// <summary>Samples of fixed shape that can be read in any order. Safe for several threads at once.</summary>
public interface IDataSet : IDisposable
{
    /// <value>Number of samples; ids are 0 … Count − 1.</value>
    long Count { get; }

    /// <value>Floats of one sample: the product of <see cref="SampleShape"/>.</value>
    int FeatureCount { get; }

    /// <value>Shape without the batch, such as [64] or [1, 28, 28].</value>
    IReadOnlyList<int> SampleShape { get; }

    /// <value>Of data from columns: floats that each became, in order, more than one being the flags of a category; empty: they are no such data.</value>
    IReadOnlyList<int> ColumnWidths => [];

    /// <value>Whether features are indexes of tokens, 0 … Classes − 1, and no quantities; then labels are too.</value>
    bool HasIndexes => false;

    /// <value>Floats of one label; 1 for a class, and one for each token.</value>
    int LabelWidth { get; }

    /// <value>By label column; empty where labels are as they were read.</value>
    IReadOnlyList<LabelScale> LabelScales { get; }

    /// <value>Number of classes, where labels are class indexes 0 … Classes − 1; else null.</value>
    int? Classes { get; }

    /// <value>Hexadecimal SHA-256 over the source files and all options that shape what is read.</value>
    string Fingerprint { get; }

    /// <summary>Reads samples, normalised and with missing values filled in.</summary>
    /// <param name="features">[sampleIds.Length × FeatureCount], overwritten.</param>
    /// <param name="labels">[sampleIds.Length × LabelWidth], overwritten; a class is its index.</param>
    /// <exception cref="ArgumentException">An id is out of range, or a span has another length.</exception>
    void Read(ReadOnlySpan<long> sampleIds, Span<float> features, Span<float> labels);

    /// <summary>As the other, of samples that may vary while they are trained on.</summary>
    /// <param name="seeds">By sample: what its variation follows from; empty: they are read as they are.</param>
    /// <exception cref="ArgumentException">An id is out of range, or a span has another length.</exception>
    void Read(ReadOnlySpan<long> sampleIds, ReadOnlySpan<ulong> seeds, Span<float> features, Span<float> labels) => Read(sampleIds, features, labels);
}

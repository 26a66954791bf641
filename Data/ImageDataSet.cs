using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Sampling;

namespace Lockstep.Data;

/// <summary>Images of a store as samples: measured as they are, trained on with parts, mirrorings and shifts that follow from a seed.</summary>
/// <param name="classes">Over training and validation data.</param>
/// <param name="rowOf">The row of a sample id.</param>
/// <param name="owns">Whether the store is closed with this data set.</param>
internal sealed class ImageDataSet(RowStore rows, ImageSpec image, NormalizationTable table, long count, int? classes, string fingerprint, Func<long, long> rowOf, bool owns) : IDataSet
{
    private readonly LabelReader _labels = new(rows.Format, table, rows.LabelOffset);

    private readonly float[] _pixels = RowDataSet.Pixels(rows.Format, table)
        ?? throw new InputException(InputException.JobFile, 0, "The preparation of the images is not the same for all pixels.", "Give a model that lockstep wrote.");

    public long Count => count;
    public int FeatureCount { get; } = image.Shape.Aggregate(1, (product, size) => product * size);
    public IReadOnlyList<int> SampleShape => image.Shape;
    public int LabelWidth => rows.Format.Labels;
    public IReadOnlyList<LabelScale> LabelScales { get; } = table.LabelScales();
    public int? Classes => classes;
    public string Fingerprint => fingerprint;

    public void Read(ReadOnlySpan<long> sampleIds, Span<float> features, Span<float> labels) => Read(sampleIds, [], features, labels);

    public void Read(ReadOnlySpan<long> sampleIds, ReadOnlySpan<ulong> seeds, Span<float> features, Span<float> labels)
    {
        RowDataSet.CheckSpans(this, sampleIds, features, labels);
        using RowReader reader = rows.Open();
        for (int i = 0; i < sampleIds.Length; i++)
        {
            ReadOnlySpan<byte> row = reader[rowOf(sampleIds[i])];
            Take(row, seeds.IsEmpty ? null : seeds[i], features.Slice(i * FeatureCount, FeatureCount));
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

    private void Take(ReadOnlySpan<byte> row, ulong? seed, Span<float> features)
    {
        int height = image.Shape[1], width = image.Shape[2], crop = image.Crop;
        int top = crop / 2, left = crop / 2, down = 0, right = 0;
        bool mirrored = false;
        if (seed is { } key)
        {
            top = Draw(key, 0, crop + 1);
            left = Draw(key, 1, crop + 1);
            mirrored = image.Flip && Draw(key, 2, 2) == 1;
            down = Draw(key, 3, (2 * image.Shift) + 1) - image.Shift;
            right = Draw(key, 4, (2 * image.Shift) + 1) - image.Shift;
        }

        int at = 0;
        for (int channel = 0; channel < image.Shape[0]; channel++)
        {
            ReadOnlySpan<byte> plane = row.Slice(channel * (height + crop) * (width + crop), (height + crop) * (width + crop));
            for (int y = 0; y < height; y++)
            {
                int from = y - down;
                for (int x = 0; x < width; x++)
                {
                    int across = (mirrored ? width - 1 - x : x) - right;
                    features[at++] = _pixels[from < 0 || from >= height || across < 0 || across >= width ? 0 : plane[((from + top) * (width + crop)) + across + left]];
                }
            }
        }
    }

    /// <summary>Of a sample's seed: 0 … below − 1.</summary>
    private static int Draw(ulong seed, ulong which, int below) => (int)Math.BigMul(CounterRandom.Key(seed, which, 0), (ulong)below, out _);
}

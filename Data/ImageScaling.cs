using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Brings images to a size by a triangle filter that is as wide as a target's pixel (Turkowski 1990), in whole numbers: the same bits on every machine.</summary>
internal static class ImageScaling
{
    private const int Weight = 1 << 15;
    private const int Kept = 1 << 7;

    /// <param name="source">[height × width × channels]</param>
    /// <param name="target">[channels × height × width] of the job's size with the edges that are cropped, overwritten.</param>
    public static void Fit(ReadOnlySpan<byte> source, int width, int height, ImageSpec image, Span<byte> target)
    {
        int channels = image.Shape[0], rows = image.Shape[1] + image.Crop, columns = image.Shape[2] + image.Crop;
        (double across, double down) = ((double)columns / width, (double)rows / height);
        switch (image.Fit)
        {
            case ImageFit.Cover:
                double larger = Math.Max(across, down);
                (double w, double h) = (columns / larger, rows / larger);
                Scale(source, width, channels, Taps(width, (width - w) / 2, w, columns), Taps(height, (height - h) / 2, h, rows), target, columns, rows, 0, 0);
                break;
            case ImageFit.Contain:
                double smaller = Math.Min(across, down);
                int innerColumns = Math.Clamp((int)Math.Round(width * smaller), 1, columns), innerRows = Math.Clamp((int)Math.Round(height * smaller), 1, rows);
                target.Clear();
                Scale(source, width, channels, Taps(width, 0, width, innerColumns), Taps(height, 0, height, innerRows), target, columns, rows, (columns - innerColumns) / 2, (rows - innerRows) / 2);
                break;
            default:
                Scale(source, width, channels, Taps(width, 0, width, columns), Taps(height, 0, height, rows), target, columns, rows, 0, 0);
                break;
        }
    }

    /// <summary>What each target pixel along one edge is made of: the first source pixel, and the weights of it and of those that follow, which are <see cref="Weight"/> together.</summary>
    private static (int First, int[] Weights)[] Taps(int size, double from, double length, int target)
    {
        double step = length / target, reach = Math.Max(1, step);
        var taps = new (int, int[])[target];
        for (int i = 0; i < target; i++)
        {
            double center = from + ((i + 0.5) * step);
            int first = Math.Clamp((int)Math.Floor(center - reach), 0, size - 1), end = Math.Clamp((int)Math.Ceiling(center + reach), first + 1, size);
            double[] parts = [.. Enumerable.Range(first, end - first).Select(x => Math.Max(0, 1 - (Math.Abs(x + 0.5 - center) / reach)))];
            double sum = parts.Sum();
            int[] weights = [.. parts.Select(part => (int)Math.Round(part / sum * Weight))];
            weights[Array.IndexOf(weights, weights.Max())] += Weight - weights.Sum();
            taps[i] = (first, weights);
        }

        return taps;
    }

    private static void Scale(ReadOnlySpan<byte> source, int width, int channels, (int First, int[] Weights)[] across, (int First, int[] Weights)[] down, Span<byte> target, int columns, int rows, int left, int top)
    {
        int from = down.Min(tap => tap.First), end = down.Max(tap => tap.First + tap.Weights.Length);
        // By source row and target column, with a fraction of eight bits.
        var half = new int[(end - from) * across.Length];
        for (int channel = 0; channel < channels; channel++)
        {
            for (int y = from; y < end; y++)
            {
                for (int x = 0; x < across.Length; x++)
                {
                    (int first, int[] weights) = across[x];
                    int sum = 0, at = (((y * width) + first) * channels) + channel;
                    foreach (int weight in weights)
                    {
                        sum += weight * source[at];
                        at += channels;
                    }

                    half[((y - from) * across.Length) + x] = (sum + (Kept / 2)) / Kept;
                }
            }

            for (int y = 0; y < down.Length; y++)
            {
                Span<byte> row = target.Slice((channel * rows * columns) + ((y + top) * columns) + left, across.Length);
                (int first, int[] weights) = down[y];
                for (int x = 0; x < row.Length; x++)
                {
                    long sum = 0;
                    for (int i = 0; i < weights.Length; i++)
                    {
                        sum += (long)weights[i] * half[((first + i - from) * across.Length) + x];
                    }

                    long whole = (long)Weight * Weight / Kept;
                    row[x] = (byte)Math.Min(byte.MaxValue, (sum + (whole / 2)) / whole);
                }
            }
        }
    }
}

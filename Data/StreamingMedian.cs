namespace Lockstep.Data;

/// <summary>
/// Exact medians of columns of any length in fixed memory: one pass counts the upper halves of the values' bits, which are ordered like the values,
/// and a second one the lower halves within the bins that hold the middle.
/// </summary>
internal static class StreamingMedian
{
    private const int Bins = 1 << 16;

    /// <summary>Columns of one pair of passes: their counters take 8 MB at most.</summary>
    private const int ColumnsAtOnce = 8;

    /// <summary>The medians, where a value that is missing (NaN) does not count; NaN for a column without values. Of an even number of values: the mean of the middle two.</summary>
    /// <param name="scan">Visits all rows.</param>
    public static double[] Compute(int columns, Action<Action<float[]>> scan)
    {
        var medians = new double[columns];
        for (int first = 0; first < columns; first += ColumnsAtOnce)
        {
            Group(first, medians.AsSpan(first, Math.Min(ColumnsAtOnce, columns - first)), scan);
        }

        return medians;
    }

    private static void Group(int first, Span<double> medians, Action<Action<float[]>> scan)
    {
        int columns = medians.Length;
        var counts = new long[columns][];
        for (int c = 0; c < columns; c++)
        {
            counts[c] = new long[Bins];
        }

        scan(values =>
        {
            for (int c = 0; c < columns; c++)
            {
                if (!float.IsNaN(values[first + c]))
                {
                    counts[c][Order(values[first + c]) >> 16]++;
                }
            }
        });

        var middles = new (Middle Low, Middle High)[columns];
        for (int c = 0; c < columns; c++)
        {
            long count = counts[c].Sum();
            middles[c] = (Find(counts[c], (count - 1) / 2), Find(counts[c], count / 2));
        }

        // The two middle values mostly share their upper half; else a second array counts the other one's bin.
        var others = new long[columns][];
        for (int c = 0; c < columns; c++)
        {
            Array.Clear(counts[c]);
            others[c] = middles[c].Low.Bin == middles[c].High.Bin ? counts[c] : new long[Bins];
        }

        scan(values =>
        {
            for (int c = 0; c < columns; c++)
            {
                if (float.IsNaN(values[first + c]))
                {
                    continue;
                }

                uint order = Order(values[first + c]);
                if (order >> 16 == middles[c].Low.Bin)
                {
                    counts[c][order & (Bins - 1)]++;
                }
                else if (order >> 16 == middles[c].High.Bin)
                {
                    others[c][order & (Bins - 1)]++;
                }
            }
        });

        for (int c = 0; c < columns; c++)
        {
            (Middle low, Middle high) = middles[c];
            medians[c] = low.Bin == Bins ? double.NaN : (Value(low, counts[c]) + (double)Value(high, others[c])) / 2;
        }
    }

    /// <param name="Bin">Bins where there is none.</param>
    /// <param name="Rank">Zero-based, within the bin.</param>
    private readonly record struct Middle(uint Bin, long Rank);

    private static Middle Find(long[] counts, long rank)
    {
        for (uint bin = 0; bin < Bins; bin++)
        {
            if (rank < counts[bin])
            {
                return new Middle(bin, rank);
            }

            rank -= counts[bin];
        }

        return new Middle(Bins, 0);
    }

    private static float Value(Middle middle, long[] low)
    {
        uint order = (middle.Bin << 16) | Find(low, middle.Rank).Bin;
        return BitConverter.UInt32BitsToSingle((order & 0x8000_0000) != 0 ? order ^ 0x8000_0000 : ~order);
    }

    /// <summary>An unsigned number that is larger for a larger value.</summary>
    private static uint Order(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (bits & 0x8000_0000) != 0 ? ~bits : bits ^ 0x8000_0000;
    }
}

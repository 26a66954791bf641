namespace Lockstep.Data;

/// <summary>
/// Exact medians of columns of any length in fixed memory: the values' bits, which are ordered like the values, are narrowed down eleven at a time,
/// by one pass that counts those that begin like the middle ones.
/// </summary>
internal static class StreamingMedian
{
    private const int DigitBits = 11;
    private const int Bins = 1 << DigitBits;

    /// <summary>Columns of one round of passes: their counters take 8 MB at most.</summary>
    private const int ColumnsAtOnce = 256;

    /// <summary>The medians, where a value that is missing (NaN) does not count; NaN for a column without values. Of an even number of values: the mean of the middle two.</summary>
    /// <param name="scan">Visits all rows.</param>
    public static double[] Compute(int columns, Action<Action<double[]>> scan)
    {
        var medians = new double[columns];
        for (int first = 0; first < columns; first += ColumnsAtOnce)
        {
            Group(first, medians.AsSpan(first, Math.Min(ColumnsAtOnce, columns - first)), scan);
        }

        return medians;
    }

    private static void Group(int first, Span<double> medians, Action<Action<double[]>> scan)
    {
        int columns = medians.Length;
        Middle[] lows = [.. Enumerable.Range(0, columns).Select(_ => new Middle())];
        Middle[] highs = [.. Enumerable.Range(0, columns).Select(_ => new Middle())];
        for (int shift = 64 - DigitBits; shift > -DigitBits; shift -= DigitBits)
        {
            scan(values =>
            {
                for (int c = 0; c < columns; c++)
                {
                    double value = values[first + c];
                    if (!double.IsNaN(value))
                    {
                        ulong order = Order(value);
                        lows[c].Count(order, shift);
                        highs[c].Count(order, shift);
                    }
                }
            });
            for (int c = 0; c < columns; c++)
            {
                if (shift == 64 - DigitBits)
                {
                    long count = lows[c].Seen;
                    lows[c].Rank = (count - 1) / 2;
                    highs[c].Rank = count / 2;
                }

                lows[c].Narrow(shift);
                highs[c].Narrow(shift);
            }
        }

        for (int c = 0; c < columns; c++)
        {
            double low = Value(lows[c].Prefix), high = Value(highs[c].Prefix);
            medians[c] = lows[c].IsEmpty ? double.NaN : (low + high) / 2 is var middle && double.IsFinite(middle) ? middle : (low / 2) + (high / 2);
        }
    }

    /// <summary>One of the middle values, as far as it is known.</summary>
    private sealed class Middle
    {
        private readonly int[] _small = new int[Bins];
        private long[]? _large;

        /// <value>The bits that are known, at their places.</value>
        public ulong Prefix { get; private set; }

        /// <value>Zero-based, among the values that begin with the prefix.</value>
        public long Rank { get; set; }

        public bool IsEmpty { get; private set; }

        public long Seen => _large?.Sum() ?? _small.Sum(c => (long)c);

        public void Count(ulong order, int shift)
        {
            int above = shift + DigitBits;
            if (above < 64 && (order ^ Prefix) >> above != 0)
            {
                return;
            }

            int bin = (int)(shift >= 0 ? order >> shift : order << -shift) & (Bins - 1);
            if (_large is not null)
            {
                _large[bin]++;
            }
            else if (++_small[bin] == int.MaxValue)
            {
                _large = [.. _small.Select(c => (long)c)];
            }
        }

        public void Narrow(int shift)
        {
            long rank = Rank;
            int bin = 0;
            for (; bin < Bins && rank >= At(bin); bin++)
            {
                rank -= At(bin);
            }

            IsEmpty |= bin == Bins;
            Rank = rank;
            Prefix |= shift >= 0 ? (ulong)(bin & (Bins - 1)) << shift : (ulong)bin >> -shift;
            Array.Clear(_small);
            _large = null;
        }

        private long At(int bin) => _large?[bin] ?? _small[bin];
    }

    private static double Value(ulong order) => BitConverter.UInt64BitsToDouble((order & (1UL << 63)) != 0 ? order ^ (1UL << 63) : ~order);

    /// <summary>An unsigned number that is larger for a larger value.</summary>
    private static ulong Order(double value)
    {
        ulong bits = BitConverter.DoubleToUInt64Bits(value);
        return (bits & (1UL << 63)) != 0 ? ~bits : bits ^ (1UL << 63);
    }
}

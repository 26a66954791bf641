namespace Lockstep.Data;

/// <summary>
/// How many distinct numbers of a column fall together when they are rounded to float32, on a sample of fixed size: the float32 values whose hashes are smallest
/// (bottom-k, Cohen and Kaplan 2007), each with the numbers that became it.
/// </summary>
internal sealed class DistinctSketch
{
    private const int Size = 256;

    /// <summary>Numbers that are told apart within one float32 value.</summary>
    private const int Within = 4;

    private readonly ulong[] _hashes = new ulong[Size];
    private readonly double[] _numbers = new double[Size * Within];
    private readonly byte[] _distinct = new byte[Size];
    private readonly double[] _least = new double[Size];
    private readonly double[] _largest = new double[Size];
    private int _count;
    private ulong _limit = ulong.MaxValue;
    private double _last = double.NaN;

    /// <param name="prepared">What the number becomes.</param>
    public void Add(double number, float prepared)
    {
        ulong hash = Hash(BitConverter.SingleToUInt32Bits(prepared));
        if (hash > _limit || number == _last)
        {
            return;
        }

        _last = number;
        int at = Array.BinarySearch(_hashes, 0, _count, hash);
        if (at < 0)
        {
            Insert(~at, hash, number);
            return;
        }

        _least[at] = Math.Min(_least[at], number);
        _largest[at] = Math.Max(_largest[at], number);
        Span<double> numbers = _numbers.AsSpan(at * Within, Within);
        if (_distinct[at] < Within && !numbers[.._distinct[at]].Contains(number))
        {
            numbers[_distinct[at]++] = number;
        }
    }

    /// <value>Distinct float32 values of the column, estimated where there are many.</value>
    public double Kept => _count < Size ? _count : (Size - 1) / (_hashes[Size - 1] / Math.Pow(2, 64));

    /// <value>Fraction of the distinct numbers that became equal to another one; a lower bound.</value>
    public double Lost => _count == 0 ? 0 : 1 - (_count / (double)_distinct.Take(_count).Sum(d => d));

    /// <summary>The two numbers that lie farthest apart and are one in float32.</summary>
    public (double Least, double Largest) Widest()
    {
        int widest = Enumerable.Range(0, _count).MaxBy(i => _largest[i] - _least[i]);
        return (_least[widest], _largest[widest]);
    }

    private void Insert(int at, ulong hash, double number)
    {
        if (at == Size)
        {
            return;
        }

        int moved = Math.Min(_count, Size - 1) - at;
        Array.Copy(_hashes, at, _hashes, at + 1, moved);
        Array.Copy(_numbers, at * Within, _numbers, (at + 1) * Within, moved * Within);
        Array.Copy(_distinct, at, _distinct, at + 1, moved);
        Array.Copy(_least, at, _least, at + 1, moved);
        Array.Copy(_largest, at, _largest, at + 1, moved);
        (_hashes[at], _distinct[at], _least[at], _largest[at]) = (hash, 1, number, number);
        _numbers[at * Within] = number;
        _count = Math.Min(_count + 1, Size);
        _limit = _count == Size ? _hashes[Size - 1] : ulong.MaxValue;
    }

    /// <summary>The finalizer of MurmurHash3.</summary>
    private static ulong Hash(ulong bits)
    {
        bits += 0x9e37_79b9_7f4a_7c15;
        bits = (bits ^ (bits >> 33)) * 0xff51_afd7_ed55_8ccd;
        bits = (bits ^ (bits >> 33)) * 0xc4ce_b9fe_1a85_ec53;
        return bits ^ (bits >> 33);
    }
}

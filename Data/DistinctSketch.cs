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

    private const int FirstSize = 4;

    // They grow with the column's distinct values: a file may have very many columns.
    private ulong[] _hashes = new ulong[FirstSize];
    private Cell[] _cells = new Cell[FirstSize];
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

        _cells[at].Add(number);
    }

    /// <value>Distinct float32 values of the column, estimated where there are many.</value>
    public double Kept => _count < Size ? _count : (Size - 1) / (_hashes[Size - 1] / Math.Pow(2, 64));

    /// <value>Fraction of the distinct numbers that became equal to another one; a lower bound.</value>
    public double Lost => _count == 0 ? 0 : 1 - (_count / (double)_cells.Take(_count).Sum(c => c.Count));

    /// <summary>The two numbers that lie farthest apart and are one in float32.</summary>
    public (double Least, double Largest) Widest()
    {
        Cell widest = _cells.Take(_count).MaxBy(c => c.Largest - c.Least);
        return (widest.Least, widest.Largest);
    }

    private void Insert(int at, ulong hash, double number)
    {
        if (at == Size)
        {
            return;
        }

        if (_count == _hashes.Length && _count < Size)
        {
            Array.Resize(ref _hashes, 2 * _count);
            Array.Resize(ref _cells, 2 * _count);
        }

        int moved = Math.Min(_count, _hashes.Length - 1) - at;
        Array.Copy(_hashes, at, _hashes, at + 1, moved);
        Array.Copy(_cells, at, _cells, at + 1, moved);
        _hashes[at] = hash;
        _cells[at] = new Cell(number);
        _count = Math.Min(_count + 1, Size);
        _limit = _count == Size ? _hashes[Size - 1] : ulong.MaxValue;
    }

    /// <summary>The numbers that became one float32 value; up to four are told apart.</summary>
    private struct Cell(double first)
    {
        private readonly double _first = first;
        private double _second;
        private double _third;

        public double Least { get; private set; } = first;
        public double Largest { get; private set; } = first;
        public int Count { get; private set; } = 1;

        public void Add(double number)
        {
            if (Count < Within && number != _first && (Count < 2 || number != _second) && (Count < 3 || number != _third))
            {
                (_second, _third) = Count switch { 1 => (number, 0), 2 => (_second, number), _ => (_second, _third) };
                Count++;
            }

            Least = Math.Min(Least, number);
            Largest = Math.Max(Largest, number);
        }
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

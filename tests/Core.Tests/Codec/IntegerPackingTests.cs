using CsCheck;
using Lockstep.Core.Codec;

namespace Lockstep.Core.Tests.Codec;

public sealed class IntegerPackingTests
{
    /// <value>Pieces of any length whose numbers have few bits or many, most of them around a power of two, or all alike.</value>
    private static readonly Gen<int[]> Piece = Gen.Select(Gen.Int[0, 32], Gen.OneOf(Gen.Int[0, 70], Gen.Int[1, 64].Select(n => n * 16), Gen.Int[IntegerPacking.Piece - 20, IntegerPacking.Piece])).SelectMany((bits, length) =>
        (bits switch
        {
            0 => Gen.OneOf(0, -1, 1),
            32 => Gen.Int,
            _ => Gen.Int[-(1 << (bits - 1)), (1 << (bits - 1)) - 1],
        }).Array[length]);

    [Fact]
    public void Is_what_its_summary_says_and_comes_back() => Piece.Sample(piece =>
    {
        int width = IntegerPacking.WidthOf(piece);
        Assert.Equal(WidthOf(piece), width);
        // Not at an address that vectors like, and nothing beside it is touched.
        byte[] packed = [9, .. new byte[IntegerPacking.BytesOf(piece.Length, width)], 8];
        IntegerPacking.Pack(piece, width, packed.AsSpan(1, packed.Length - 2));
        byte[] expected = [9, .. Reference(piece, width), 8];
        Assert.Equal(expected, packed);
        Assert.True(packed.Length - 2 <= piece.Length * 4);

        int[] back = [7, .. Enumerable.Repeat(-5, piece.Length), 6];
        IntegerPacking.Unpack(packed.AsSpan(1, packed.Length - 2), width, back.AsSpan(1, piece.Length));
        Assert.Equal([7, .. piece, 6], back);
    }, iter: 3000);

    [Fact]
    public void Every_vector_width_gives_the_same_bits() => Piece.Where(piece => piece.Length % IntegerPacking.Columns == 0 && piece.Length > 0).Sample(piece => Widths.Equal(new BothWays(piece)), iter: 1000);

    [Fact]
    public void Any_width_takes_any_words() => Gen.Select(Gen.Int[0, 32], Gen.Int[0, 200]).SelectMany((width, length) => Gen.Byte.Array[IntegerPacking.BytesOf(length, width)].Select(packed => (width, length, packed))).Sample((width, length, packed) =>
    {
        var piece = new int[length];
        IntegerPacking.Unpack(packed, width, piece);
        Assert.All(piece, q => Assert.InRange(q, width == 0 ? 0 : int.MinValue >> (32 - width), width == 0 ? 0 : int.MaxValue >> (32 - width)));
    }, iter: 1000);

    private static int WidthOf(int[] piece)
    {
        int width = 0;
        while (width < 32 && piece.Any(q => width == 0 ? q != 0 : q < int.MinValue >> (32 - width) || q > int.MaxValue >> (32 - width)))
        {
            width++;
        }

        int words = 16 * (int)Math.Ceiling(Math.Ceiling(piece.Length / 16.0) * width / 32.0);
        return words >= piece.Length && !(piece.Length == 0 && width == 32) ? 32 : width;
    }

    /// <summary>Bit by bit.</summary>
    private static byte[] Reference(int[] piece, int width)
    {
        if (width == 32)
        {
            return [.. piece.SelectMany(BitConverter.GetBytes)];
        }

        int rows = (piece.Length + 15) / 16;
        var packed = new byte[16 * (((rows * width) + 31) / 32) * 4];
        for (int i = 0; i < piece.Length; i++)
        {
            for (int bit = 0; bit < width; bit++)
            {
                int place = (i / 16 * width) + bit;
                int word = (place / 32 * 16) + (i % 16);
                packed[(word * 4) + (place % 32 / 8)] |= (byte)((piece[i] >> bit & 1) << (place % 8));
            }
        }

        return packed;
    }

    private sealed record BothWays(int[] Rows) : IWidthCase
    {
        public string Run<TLanes, TF, TI, TL>()
            where TLanes : struct, ILanes<TF, TI, TL>
            where TF : struct
            where TI : struct
            where TL : struct
        {
            uint either = PackingKernels<TLanes, TF, TI, TL>.Either(Rows, out int any);
            int width = Math.Clamp(33 - System.Numerics.BitOperations.LeadingZeroCount(either), 1, 31);
            var words = new int[IntegerPacking.BytesOf(Rows.Length, width) / 4];
            PackingKernels<TLanes, TF, TI, TL>.Pack(Rows, width, words);
            var back = new int[Rows.Length];
            PackingKernels<TLanes, TF, TI, TL>.Unpack(words, width, back);
            return $"{either} {any == 0} | {string.Join(' ', words)} | {string.Join(' ', back)}";
        }
    }
}

using System.Numerics;
using System.Runtime.InteropServices;
using Kernels128 = Lockstep.Core.Codec.PackingKernels<Lockstep.Core.Codec.Lanes128, System.Runtime.Intrinsics.Vector128<float>, System.Runtime.Intrinsics.Vector128<int>, System.Runtime.Intrinsics.Vector128<long>>;
using Kernels256 = Lockstep.Core.Codec.PackingKernels<Lockstep.Core.Codec.Lanes256, System.Runtime.Intrinsics.Vector256<float>, System.Runtime.Intrinsics.Vector256<int>, System.Runtime.Intrinsics.Vector256<long>>;
using Kernels512 = Lockstep.Core.Codec.PackingKernels<Lockstep.Core.Codec.Lanes512, System.Runtime.Intrinsics.Vector512<float>, System.Runtime.Intrinsics.Vector512<int>, System.Runtime.Intrinsics.Vector512<long>>;

namespace Lockstep.Core.Codec;

/// <summary>
/// Integers in as many bits as they need, without loss, for the way between hosts. They are cut into pieces of 1,024; a piece has one width, 0 to 32 bits of two's complement.
/// A piece of n integers is ⌈n / 16⌉ rows of 16, filled up with zeros. Column c packs its numbers one after the other, lowest bits first, into 32-bit words, and word w of column c is the piece's word 16 · w + c.
/// A piece that would not get shorter has the width 32, and lies as it is. All is little-endian.
/// </summary>
public static class IntegerPacking
{
    /// <summary>Integers of a piece; the last one may have fewer.</summary>
    public const int Piece = 1024;

    /// <summary>Bytes of the longest piece.</summary>
    public const int PieceBytes = Piece * sizeof(int);

    /// <summary>A piece that lies as it is.</summary>
    public const int Whole = 32;

    internal const int Columns = 16;

    /// <param name="count">Integers.</param>
    public static int Pieces(int count) => (count + Piece - 1) / Piece;

    /// <summary>Bytes of a piece.</summary>
    /// <param name="count">Its integers.</param>
    /// <param name="width">Its bits, 0 to 32.</param>
    public static int BytesOf(int count, int width) => width == Whole ? count * sizeof(int) : Words(count, width) * sizeof(int);

    /// <summary>The width that a piece is packed at.</summary>
    public static int WidthOf(ReadOnlySpan<int> piece)
    {
        uint either = Lanes512.IsSupported ? Kernels512.Either(piece, out int any) : Lanes256.IsSupported ? Kernels256.Either(piece, out any) : Kernels128.Either(piece, out any);
        int width = any == 0 ? 0 : 33 - BitOperations.LeadingZeroCount(either);
        return width >= Whole || Words(piece.Length, width) >= piece.Length ? Whole : width;
    }

    /// <summary>Packs a piece.</summary>
    /// <param name="width">Of <see cref="WidthOf"/>.</param>
    /// <param name="packed">[<see cref="BytesOf"/>] overwritten.</param>
    public static void Pack(scoped ReadOnlySpan<int> piece, int width, Span<byte> packed)
    {
        Span<int> words = MemoryMarshal.Cast<byte, int>(packed);
        if (width == Whole)
        {
            piece.CopyTo(words);
            return;
        }

        if (width == 0)
        {
            return;
        }

        if (piece.Length % Columns != 0)
        {
            Span<int> filled = stackalloc int[Piece];
            piece.CopyTo(filled);
            int length = Rows(piece.Length) * Columns;
            filled[piece.Length..length].Clear();
            piece = filled[..length];
        }

        if (Lanes512.IsSupported)
        {
            Kernels512.Pack(piece, width, words);
        }
        else if (Lanes256.IsSupported)
        {
            Kernels256.Pack(piece, width, words);
        }
        else
        {
            Kernels128.Pack(piece, width, words);
        }
    }

    /// <summary>Takes a piece apart.</summary>
    /// <param name="packed">[<see cref="BytesOf"/>]</param>
    /// <param name="width">0 to 32.</param>
    /// <param name="piece">Overwritten.</param>
    public static void Unpack(ReadOnlySpan<byte> packed, int width, Span<int> piece)
    {
        ReadOnlySpan<int> words = MemoryMarshal.Cast<byte, int>(packed[..BytesOf(piece.Length, width)]);
        if (width == Whole)
        {
            words.CopyTo(piece);
            return;
        }

        if (words.IsEmpty)
        {
            piece.Clear();
            return;
        }

        Span<int> rows = piece.Length % Columns == 0 ? piece : stackalloc int[Rows(piece.Length) * Columns];
        if (Lanes512.IsSupported)
        {
            Kernels512.Unpack(words, width, rows);
        }
        else if (Lanes256.IsSupported)
        {
            Kernels256.Unpack(words, width, rows);
        }
        else
        {
            Kernels128.Unpack(words, width, rows);
        }

        if (piece.Length % Columns != 0)
        {
            rows[..piece.Length].CopyTo(piece);
        }
    }

    private static int Rows(int count) => (count + Columns - 1) / Columns;

    private static int Words(int count, int width) => Columns * (((Rows(count) * width) + 31) / 32);
}

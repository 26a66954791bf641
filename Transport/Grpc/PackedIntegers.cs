using System.Buffers;
using System.Buffers.Binary;
using Lockstep.Core.Codec;
using Lockstep.Core.Layout;

namespace Lockstep.Transport.Grpc;

/// <summary>A frame's integers in as many bits as they need: how many there are (32 bits, little-endian), the width of each piece of <see cref="IntegerPacking"/> (a byte), the pieces.</summary>
internal static class PackedIntegers
{
    /// <summary>No chunk has more.</summary>
    private const int Most = ModelLayout.ChunkElements;

    /// <summary>The width of each piece.</summary>
    public static byte[] Measure(ReadOnlySpan<int> integers)
    {
        var widths = new byte[IntegerPacking.Pieces(integers.Length)];
        for (int piece = 0; piece < widths.Length; piece++)
        {
            widths[piece] = (byte)IntegerPacking.WidthOf(PieceOf(integers, piece));
        }

        return widths;
    }

    /// <summary>Bytes; 0 where there are no integers.</summary>
    /// <param name="count">Integers.</param>
    public static long SizeOf(int count, ReadOnlySpan<byte> widths)
    {
        if (count == 0)
        {
            return 0;
        }

        long size = sizeof(int) + widths.Length;
        for (int piece = 0; piece < widths.Length; piece++)
        {
            size += IntegerPacking.BytesOf(LengthOf(count, piece), widths[piece]);
        }

        return size;
    }

    public static void Write(ReadOnlySpan<int> integers, ReadOnlySpan<byte> widths, IBufferWriter<byte> writer)
    {
        BinaryPrimitives.WriteInt32LittleEndian(writer.GetSpan(sizeof(int)), integers.Length);
        writer.Advance(sizeof(int));
        writer.Write(widths);
        for (int piece = 0; piece < widths.Length; piece++)
        {
            ReadOnlySpan<int> part = PieceOf(integers, piece);
            int length = IntegerPacking.BytesOf(part.Length, widths[piece]);
            IntegerPacking.Pack(part, widths[piece], writer.GetSpan(length)[..length]);
            writer.Advance(length);
        }
    }

    /// <summary>Adds the integers to a frame's.</summary>
    /// <exception cref="InvalidOperationException">The bytes are none such; what is wrong is named.</exception>
    public static void Read(ReadOnlySequence<byte> bytes, TensorFrame frame)
    {
        var reader = new SequenceReader<byte>(bytes);
        if (!reader.TryReadLittleEndian(out int count) || count is < 0 or > Most || !reader.TryReadExact(IntegerPacking.Pieces(count), out ReadOnlySequence<byte> heads))
        {
            throw new InvalidOperationException($"{bytes.Length} bytes hold no packed integers, of which there may be {Most}");
        }

        Span<byte> widths = stackalloc byte[IntegerPacking.Pieces(count)];
        heads.CopyTo(widths);
        if (widths.ContainsAnyExceptInRange((byte)0, (byte)IntegerPacking.Whole))
        {
            throw new InvalidOperationException($"packed integers have a width of more than {IntegerPacking.Whole} bits");
        }

        if (SizeOf(count, widths) != bytes.Length)
        {
            throw new InvalidOperationException($"{count} packed integers of their widths take {SizeOf(count, widths)} bytes, not {bytes.Length}");
        }

        Span<int> integers = frame.AppendIntegers(count);
        Span<byte> room = stackalloc byte[IntegerPacking.PieceBytes];
        for (int piece = 0; piece < widths.Length; piece++)
        {
            int length = IntegerPacking.BytesOf(LengthOf(count, piece), widths[piece]);
            scoped ReadOnlySpan<byte> packed = reader.UnreadSpan;
            if (packed.Length < length)
            {
                reader.TryCopyTo(room[..length]);
                packed = room;
            }

            IntegerPacking.Unpack(packed[..length], widths[piece], integers.Slice(piece * IntegerPacking.Piece, LengthOf(count, piece)));
            reader.Advance(length);
        }
    }

    private static int LengthOf(int count, int piece) => Math.Min(IntegerPacking.Piece, count - (piece * IntegerPacking.Piece));

    private static ReadOnlySpan<int> PieceOf(ReadOnlySpan<int> integers, int piece) => integers.Slice(piece * IntegerPacking.Piece, LengthOf(integers.Length, piece));
}

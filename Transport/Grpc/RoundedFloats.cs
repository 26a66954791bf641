using System.Buffers;
using Lockstep.Core.Codec;

namespace Lockstep.Transport.Grpc;

/// <summary>A frame's floats as bfloat16, 2 bytes each, little-endian.</summary>
internal static class RoundedFloats
{
    private const int Bytes = sizeof(ushort);
    private const int Piece = 1 << 12;

    public static void Write(ReadOnlySpan<float> floats, IBufferWriter<byte> writer)
    {
        while (!floats.IsEmpty)
        {
            Span<byte> room = writer.GetSpan(Math.Min(floats.Length, Piece) * Bytes);
            int count = Math.Min(floats.Length, room.Length / Bytes);
            BFloat16.Narrow(floats[..count], room[..(count * Bytes)]);
            writer.Advance(count * Bytes);
            floats = floats[count..];
        }
    }

    /// <summary>Adds the floats to a frame's.</summary>
    /// <exception cref="InvalidOperationException">The bytes are no whole number of them.</exception>
    public static void Read(ReadOnlySequence<byte> bytes, TensorFrame frame)
    {
        if (bytes.Length % Bytes != 0)
        {
            throw new InvalidOperationException($"{bytes.Length} bytes are no whole number of 16-bit values");
        }

        frame.IsRounded = true;
        Span<float> floats = frame.AppendFloats((int)(bytes.Length / Bytes));
        var reader = new SequenceReader<byte>(bytes);
        Span<byte> split = stackalloc byte[Bytes];
        while (!floats.IsEmpty)
        {
            int count = reader.UnreadSpan.Length / Bytes;
            if (count == 0)
            {
                // One lies in two segments.
                reader.TryCopyTo(split);
                count = 1;
                BFloat16.Widen(split, floats[..1]);
            }
            else
            {
                BFloat16.Widen(reader.UnreadSpan[..(count * Bytes)], floats[..count]);
            }

            reader.Advance(count * Bytes);
            floats = floats[count..];
        }
    }
}

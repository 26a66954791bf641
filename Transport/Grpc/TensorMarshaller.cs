using System.Buffers;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Grpc.Core;

namespace Lockstep.Transport.Grpc;

/// <summary>Writes and reads <see cref="TensorFrame"/> as protobuf without a copy of the numbers beyond the one into or out of the transport's buffers.</summary>
public static class TensorMarshaller
{
    private const uint HeaderTag = (1 << 3) | 2;
    private const uint IndexTag = (2 << 3) | 0;
    private const uint IntegersTag = (3 << 3) | 2;
    private const uint FloatsTag = (4 << 3) | 2;
    private const uint EscapesTag = (5 << 3) | 2;
    private const uint ExponentsTag = (6 << 3) | 2;
    private const uint RegionTag = (7 << 3) | 0;
    private const uint OffsetTag = (8 << 3) | 0;
    private const uint CountTag = (9 << 3) | 0;
    private const uint PackedTag = (10 << 3) | 2;
    private const uint RoundedTag = (11 << 3) | 2;
    private const uint HintsTag = (12 << 3) | 2;

    public static readonly Marshaller<TensorFrame> Instance = Marshallers.Create(Write, Read);

    /// <summary>Bytes that a frame takes.</summary>
    public static int SizeOf(TensorFrame frame)
    {
        int size = 0;
        if (frame.Header is { } header)
        {
            int length = header.CalculateSize();
            size += 1 + VarintSize((uint)length) + length;
        }

        size += NumberSize(frame.Index) + NumberSize(frame.Place.Region) + NumberSize(frame.Place.Offset) + NumberSize(frame.Place.Count);
        size += FieldSize(frame.IsNarrow ? PackedIntegers.SizeOf(frame.Integers.Length, frame.Widths) : frame.Integers.Length * 4L) + FieldSize(frame.Floats.Length * (frame.IsRounded ? 2L : 4L)) + FieldSize(frame.Escapes.Length * 4) + FieldSize(frame.Exponents.Length) + FieldSize(frame.Hints.Length * 2L);
        return size;
    }

    /// <summary>Writes a frame.</summary>
    public static void Write(TensorFrame frame, IBufferWriter<byte> writer)
    {
        if (frame.Header is { } header)
        {
            WriteVarint(writer, HeaderTag);
            WriteVarint(writer, (uint)header.CalculateSize());
            header.WriteTo(writer);
        }

        WriteNumber(writer, IndexTag, frame.Index);
        if (!frame.IsNarrow)
        {
            WriteField(writer, IntegersTag, MemoryMarshal.AsBytes(frame.Integers.Span));
        }
        else if (!frame.Integers.IsEmpty)
        {
            WriteVarint(writer, PackedTag);
            WriteVarint(writer, (uint)PackedIntegers.SizeOf(frame.Integers.Length, frame.Widths));
            PackedIntegers.Write(frame.Integers.Span, frame.Widths, writer);
        }

        if (!frame.IsRounded)
        {
            WriteField(writer, FloatsTag, MemoryMarshal.AsBytes(frame.Floats.Span));
        }
        else if (!frame.Floats.IsEmpty)
        {
            WriteVarint(writer, RoundedTag);
            WriteVarint(writer, (uint)frame.Floats.Length * 2);
            RoundedFloats.Write(frame.Floats.Span, writer);
        }

        if (!frame.Escapes.IsEmpty)
        {
            WriteVarint(writer, EscapesTag);
            WriteVarint(writer, (ulong)frame.Escapes.Length * 4);
            foreach (ReadOnlyMemory<int> part in frame.Escapes)
            {
                WriteBytes(writer, MemoryMarshal.AsBytes(part.Span));
            }
        }

        WriteField(writer, ExponentsTag, frame.Exponents.Span);
        WriteNumber(writer, RegionTag, frame.Place.Region);
        WriteNumber(writer, OffsetTag, frame.Place.Offset);
        WriteNumber(writer, CountTag, frame.Place.Count);
        WriteField(writer, HintsTag, MemoryMarshal.AsBytes(frame.Hints.Span));
    }

    /// <summary>Reads a frame; fields in any order, unknown ones skipped, packed or not. Dispose it.</summary>
    /// <exception cref="RpcException">Invalid argument: the bytes are no such message.</exception>
    public static TensorFrame Read(ReadOnlySequence<byte> bytes) => Read(bytes, new TensorFrame());

    /// <summary>As the other, into a frame that is empty.</summary>
    /// <exception cref="RpcException">Invalid argument: the bytes are no such message.</exception>
    public static TensorFrame Read(ReadOnlySequence<byte> bytes, TensorFrame frame)
    {
        try
        {
            var reader = new SequenceReader<byte>(bytes);
            while (!reader.End)
            {
                ulong tag = ReadVarint(ref reader);
                ulong field = tag >> 3;
                switch ((field, tag & 7))
                {
                    case (0, _):
                        throw new InvalidOperationException("a field has the number 0");
                    case (1, 2):
                        // A message that comes twice is merged, and concatenated bytes are just that.
                        ReadOnlySequence<byte> header = Take(ref reader, ReadVarint(ref reader));
                        header.CopyTo(frame.AppendHeader((int)header.Length));
                        break;
                    case (2, 0):
                        frame.Index = (int)ReadVarint(ref reader);
                        break;
                    case (3, 2):
                        ReadOnlySequence<byte> integers = TakePacked(ref reader);
                        integers.CopyTo(MemoryMarshal.AsBytes(frame.AppendIntegers((int)(integers.Length / 4))));
                        break;
                    case (4, 2):
                        ReadOnlySequence<byte> floats = TakePacked(ref reader);
                        floats.CopyTo(MemoryMarshal.AsBytes(frame.AppendFloats((int)(floats.Length / 4))));
                        break;
                    case (5, 2):
                        ReadOnlySequence<byte> escapes = TakePacked(ref reader);
                        escapes.CopyTo(MemoryMarshal.AsBytes(frame.AppendEscapes((int)(escapes.Length / 4))));
                        break;
                    case (6, 2):
                        // Bytes that come twice replace those before; those of one field are whole.
                        ReadOnlySequence<byte> exponents = Take(ref reader, ReadVarint(ref reader));
                        frame.Exponents = default;
                        exponents.CopyTo(frame.AppendExponents((int)exponents.Length));
                        break;
                    case (7, 0):
                        frame.Place = frame.Place with { Region = (int)ReadVarint(ref reader) };
                        break;
                    case (8, 0):
                        frame.Place = frame.Place with { Offset = (int)ReadVarint(ref reader) };
                        break;
                    case (9, 0):
                        frame.Place = frame.Place with { Count = (int)ReadVarint(ref reader) };
                        break;
                    case (10, 2):
                        PackedIntegers.Read(Take(ref reader, ReadVarint(ref reader)), frame);
                        break;
                    case (11, 2):
                        RoundedFloats.Read(Take(ref reader, ReadVarint(ref reader)), frame);
                        break;
                    case (12, 2):
                        ReadOnlySequence<byte> hints = TakePacked(ref reader, sizeof(short));
                        hints.CopyTo(MemoryMarshal.AsBytes(frame.ReplaceHints((int)(hints.Length / sizeof(short)))));
                        break;
                    case (3, 5):
                        Take(ref reader, 4).CopyTo(MemoryMarshal.AsBytes(frame.AppendIntegers(1)));
                        break;
                    case (4, 5):
                        Take(ref reader, 4).CopyTo(MemoryMarshal.AsBytes(frame.AppendFloats(1)));
                        break;
                    case (5, 5):
                        Take(ref reader, 4).CopyTo(MemoryMarshal.AsBytes(frame.AppendEscapes(1)));
                        break;
                    case (_, 0):
                        ReadVarint(ref reader);
                        break;
                    case (_, 1):
                        Take(ref reader, 8);
                        break;
                    case (_, 2):
                        Take(ref reader, ReadVarint(ref reader));
                        break;
                    case (_, 5):
                        Take(ref reader, 4);
                        break;
                    default:
                        throw new InvalidOperationException($"field {field} has the unknown wire type {tag & 7}");
                }
            }

            return frame;
        }
        catch (Exception exception) when (exception is InvalidOperationException or OverflowException)
        {
            frame.Dispose();
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"A message with numbers cannot be read: {exception.Message}."));
        }
        catch
        {
            frame.Dispose();
            throw;
        }
    }

    private static void Write(TensorFrame frame, SerializationContext context)
    {
        context.SetPayloadLength(SizeOf(frame));
        Write(frame, context.GetBufferWriter());
        context.Complete();
    }

    private static TensorFrame Read(DeserializationContext context) => Read(context.PayloadAsReadOnlySequence());

    private static int NumberSize(int value) => value == 0 ? 0 : 1 + VarintSize((ulong)value);

    private static void WriteNumber(IBufferWriter<byte> writer, uint tag, int value)
    {
        if (value != 0)
        {
            WriteVarint(writer, tag);
            WriteVarint(writer, (ulong)value);
        }
    }

    private static int FieldSize(long bytes) => bytes == 0 ? 0 : checked((int)(1 + VarintSize((ulong)bytes) + bytes));

    private static void WriteField(IBufferWriter<byte> writer, uint tag, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        WriteVarint(writer, tag);
        WriteVarint(writer, (uint)bytes.Length);
        WriteBytes(writer, bytes);
    }

    private static void WriteBytes(IBufferWriter<byte> writer, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            // As much as there is: who asks a server's pipe for more than it has in one piece is given an array that comes of no pool in the end.
            Span<byte> target = writer.GetSpan();
            int length = Math.Min(target.Length, bytes.Length);
            bytes[..length].CopyTo(target);
            writer.Advance(length);
            bytes = bytes[length..];
        }
    }

    private static void WriteVarint(IBufferWriter<byte> writer, ulong value)
    {
        Span<byte> target = writer.GetSpan(10);
        int length = 0;
        for (; value >= 0x80; value >>= 7)
        {
            target[length++] = (byte)(value | 0x80);
        }

        target[length++] = (byte)value;
        writer.Advance(length);
    }

    private static int VarintSize(ulong value)
    {
        int size = 1;
        for (; value >= 0x80; value >>= 7)
        {
            size++;
        }

        return size;
    }

    private static ulong ReadVarint(ref SequenceReader<byte> reader)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out byte part))
            {
                throw new InvalidOperationException("it ends within a number");
            }

            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }

        throw new InvalidOperationException("a number is longer than ten bytes");
    }

    private static ReadOnlySequence<byte> TakePacked(ref SequenceReader<byte> reader, uint size = 4)
    {
        ulong length = ReadVarint(ref reader);
        return length % size == 0 ? Take(ref reader, length) : throw new InvalidOperationException($"{length} bytes are no whole number of {8 * size}-bit values");
    }

    private static ReadOnlySequence<byte> Take(ref SequenceReader<byte> reader, ulong length)
    {
        if (length > (ulong)reader.Remaining)
        {
            throw new InvalidOperationException($"a field of {length} bytes ends after {reader.Remaining}");
        }

        ReadOnlySequence<byte> part = reader.UnreadSequence.Slice(0, (long)length);
        reader.Advance((long)length);
        return part;
    }
}

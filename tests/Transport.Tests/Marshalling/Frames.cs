using System.Buffers;
using CsCheck;
using Google.Protobuf;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Marshalling;

/// <summary>Messages with numbers, generated and cut up.</summary>
internal static class Frames
{
    public static readonly Gen<WorkerFrame> Worker =
        from header in Gen.Select(Gen.String, Gen.Int, Gen.Long, Gen.Int[-1, 9], Gen.ULong.Array[0, 5])
        from hasHeader in Gen.Bool
        from chunk in Gen.Int
        from sums in Gen.Int.Array[0, 50]
        from escapes in Gen.Int.Array[0, 50]
        from exponents in Gen.Byte.Array[0, 50]
        select new WorkerFrame
        {
            Header = hasHeader ? HeaderOf(header.Item1, header.Item2, header.Item3, header.Item4, header.Item5) : null,
            ChunkPlusOne = chunk,
            Sums = { sums },
            Escapes = { escapes },
            Exponents = ByteString.CopyFrom(exponents),
        };

    /// <summary>A frame as a sender makes it.</summary>
    public static TensorFrame ToFrame(WorkerFrame message) => new()
    {
        Header = message.Header,
        Index = message.ChunkPlusOne,
        Integers = message.Sums.ToArray(),
        Escapes = Pieces(message.Escapes.ToArray()),
        Exponents = message.Exponents.Memory,
    };

    public static byte[] Write(TensorFrame frame)
    {
        var writer = new ArrayBufferWriter<byte>();
        TensorMarshaller.Write(frame, writer);
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>What a reader got, as the generated class, so that it can be compared; and gives the frame back.</summary>
    public static WorkerFrame ToMessage(TensorFrame frame)
    {
        using (frame)
        {
            return new WorkerFrame
            {
                Header = frame.HeaderBytes.IsEmpty ? null : WorkerHeader.Parser.ParseFrom(frame.HeaderBytes.Span),
                ChunkPlusOne = frame.Index,
                Sums = { frame.Integers.ToArray() },
                Escapes = { frame.Escapes.ToArray() },
                Exponents = ByteString.CopyFrom(frame.Exponents.Span),
            };
        }
    }

    /// <summary>The same bytes in segments of the given lengths, round and round.</summary>
    public static ReadOnlySequence<byte> Cut(byte[] bytes, params int[] lengths)
    {
        var first = new Segment<byte>(ReadOnlyMemory<byte>.Empty, 0);
        Segment<byte> last = first;
        for (int at = 0, i = 0; at < bytes.Length; i++)
        {
            int length = Math.Min(lengths[i % lengths.Length], bytes.Length - at);
            last = last.Append(bytes.AsMemory(at, length));
            at += length;
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    public static byte[] Bytes(Action<CodedOutputStream> write)
    {
        using var memory = new MemoryStream();
        using (var stream = new CodedOutputStream(memory, leaveOpen: true))
        {
            write(stream);
        }

        return memory.ToArray();
    }

    private static WorkerHeader HeaderOf(string trace, int generation, long step, int attempt, ulong[] hashes) => new()
    {
        Contribution = new ContributionHeader
        {
            Push = step,
            TraceParent = trace,
            Cursor = new Cursor { Generation = generation, Step = step, Attempt = attempt },
            Reports = { new SlotReport { Slot = 3, Samples = 8, LossSum = 0.25, NotFinite = true, ChunkHashes = { hashes } } },
        },
    };

    /// <summary>Integers in two pieces, as a sender has them.</summary>
    private static ReadOnlySequence<int> Pieces(int[] integers)
    {
        var first = new Segment<int>(integers.AsMemory(0, integers.Length / 3), 0);
        Segment<int> last = first.Append(integers.AsMemory(integers.Length / 3));
        return new ReadOnlySequence<int>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment<T> : ReadOnlySequenceSegment<T>
    {
        public Segment(ReadOnlyMemory<T> memory, long start)
        {
            Memory = memory;
            RunningIndex = start;
        }

        public Segment<T> Append(ReadOnlyMemory<T> memory)
        {
            var next = new Segment<T>(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}

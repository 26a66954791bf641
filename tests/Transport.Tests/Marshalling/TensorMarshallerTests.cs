using System.Buffers;
using System.Runtime.InteropServices;
using CsCheck;
using Google.Protobuf;
using Grpc.Core;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Marshalling;

/// <summary>The hand-written marshaller and the classes generated from the .proto understand each other.</summary>
public sealed class TensorMarshallerTests
{
    [Fact]
    public void Writes_the_bytes_that_protobuf_writes() => Frames.Worker.Sample(message =>
    {
        byte[] written = Frames.Write(Frames.ToFrame(message));
        return written.AsSpan().SequenceEqual(message.ToByteArray()) && written.Length == TensorMarshaller.SizeOf(Frames.ToFrame(message));
    });

    [Fact]
    public void Reads_what_protobuf_writes_however_it_is_cut() => Gen.Select(Frames.Worker, Gen.Int[1, 9].Array[1, 5]).Sample((message, cuts) =>
        Frames.ToMessage(TensorMarshaller.Read(Frames.Cut(message.ToByteArray(), cuts))).Equals(message));

    [Fact]
    public void The_three_messages_share_their_fields()
    {
        float[] values = [1.5f, -0f, float.NaN];
        var initialize = new TensorFrame { Header = new InitializeHeader { JobId = "a" }, Floats = values };
        Assert.Equal(new InitializeMessage { Header = new InitializeHeader { JobId = "a" }, Values = { values } }, InitializeMessage.Parser.ParseFrom(Frames.Write(initialize)));
        var header = new ShardHeader { Turn = new Turn { Elements = 3 } };
        var turn = new TensorFrame { Header = header, Floats = values, Hints = new short[] { -7, 4 } };
        Assert.Equal(new ShardFrame { Header = header, Values = { values }, Hints = ByteString.CopyFrom(0xF9, 0xFF, 4, 0) }, ShardFrame.Parser.ParseFrom(Frames.Write(turn)));
    }

    [Fact]
    public void Keeps_every_bit_of_a_megabyte_in_pages()
    {
        float[] floats = [.. Enumerable.Range(0, 262_144).Select(i => BitConverter.Int32BitsToSingle(i * 16_411))];
        int[] integers = [.. Enumerable.Range(0, 262_144).Select(i => unchecked(i * -77_777))];
        byte[] bytes = Frames.Write(new TensorFrame { Index = 5, Integers = integers, Floats = floats });

        using TensorFrame read = TensorMarshaller.Read(Frames.Cut(bytes, 4096, 4093));

        Assert.Equal(5, read.Index);
        Assert.True(read.Integers.Span.SequenceEqual(integers));
        Assert.True(MemoryMarshal.AsBytes(read.Floats.Span).SequenceEqual(MemoryMarshal.AsBytes(floats.AsSpan())));
    }

    [Fact]
    public void Reads_fields_in_any_order_packed_or_not_and_skips_what_it_does_not_know()
    {
        byte[] bytes = Frames.Bytes(stream =>
        {
            Tag(stream, 5, WireFormat.WireType.Fixed32);
            stream.WriteSFixed32(1);
            Tag(stream, 90, WireFormat.WireType.LengthDelimited);
            stream.WriteString("of a later version");
            Tag(stream, 3, WireFormat.WireType.LengthDelimited);
            stream.WriteLength(8);
            stream.WriteSFixed32(-1);
            stream.WriteSFixed32(int.MinValue);
            Tag(stream, 91, WireFormat.WireType.Varint);
            stream.WriteUInt64(ulong.MaxValue);
            Tag(stream, 5, WireFormat.WireType.LengthDelimited);
            stream.WriteLength(4);
            stream.WriteSFixed32(2);
            Tag(stream, 6, WireFormat.WireType.LengthDelimited);
            stream.WriteBytes(ByteString.CopyFrom(1, 2, 3));
            Tag(stream, 6, WireFormat.WireType.LengthDelimited);
            stream.WriteBytes(ByteString.CopyFrom(9));
            Tag(stream, 92, WireFormat.WireType.Fixed64);
            stream.WriteFixed64(1);
            Tag(stream, 3, WireFormat.WireType.Fixed32);
            stream.WriteSFixed32(7);
            Tag(stream, 2, WireFormat.WireType.Varint);
            stream.WriteInt32(9);
            Tag(stream, 2, WireFormat.WireType.Varint);
            stream.WriteInt32(4);
            Tag(stream, 93, WireFormat.WireType.Fixed32);
            stream.WriteFixed32(1);
            // A message that comes in two parts is merged.
            Tag(stream, 1, WireFormat.WireType.LengthDelimited);
            stream.WriteMessage(new WorkerHeader { Hello = new Hello { JobId = "job" } });
            Tag(stream, 1, WireFormat.WireType.LengthDelimited);
            stream.WriteMessage(new WorkerHeader { Hello = new Hello { WorkerId = "worker" } });
        });

        WorkerFrame read = Frames.ToMessage(TensorMarshaller.Read(Frames.Cut(bytes, 3)));

        WorkerFrame expected = WorkerFrame.Parser.WithDiscardUnknownFields(true).ParseFrom(bytes);
        Assert.Equal(expected, read);
        Assert.Equal([-1, int.MinValue, 7], read.Sums);
        Assert.Equal([1, 2], read.Escapes);
        Assert.Equal([9], read.Exponents.ToByteArray());
        Assert.Equal(("job", "worker", 4), (read.Header.Hello.JobId, read.Header.Hello.WorkerId, read.ChunkPlusOne));
    }

    [Fact]
    public void Tells_grpc_the_length_before_it_writes()
    {
        var context = new MemoryContext();
        var message = new WorkerFrame { Header = new WorkerHeader { Hello = new Hello { JobId = "job" } }, ChunkPlusOne = 300, Sums = { Enumerable.Range(0, 40_000) }, Escapes = { 1, 2, 3 }, Exponents = ByteString.CopyFrom(4) };

        TensorMarshaller.Instance.ContextualSerializer(Frames.ToFrame(message), context);

        Assert.True(context.Completed);
        Assert.Equal(context.Writer.WrittenCount, context.Length);
        Assert.Equal(message, WorkerFrame.Parser.ParseFrom(context.Writer.WrittenSpan));
    }

    [Fact]
    public void Neither_way_allocates_room_for_the_numbers()
    {
        var frame = new TensorFrame { Integers = new int[262_144], Floats = new float[1000], Escapes = new(new int[8192]), Exponents = new byte[64] };
        byte[] bytes = Frames.Write(frame);
        var writer = new ArrayBufferWriter<byte>(bytes.Length + (1 << 17));
        var sequence = new ReadOnlySequence<byte>(bytes);

        long writing = Allocated(() =>
        {
            writer.ResetWrittenCount();
            TensorMarshaller.Write(frame, writer);
        });
        long reading = Allocated(() => TensorMarshaller.Read(sequence).Dispose());

        Assert.InRange(writing, 0, 1000);
        Assert.InRange(reading, 0, 1000);
    }

    [Fact]
    public void A_frame_gives_its_memory_back_once()
    {
        TensorFrame frame = TensorMarshaller.Read(new ReadOnlySequence<byte>(Frames.Write(new TensorFrame { Integers = new int[] { 1 }, Floats = new float[] { 2 }, Escapes = new([3]), Exponents = new byte[] { 4 } })));
        frame.Dispose();
        frame.Dispose();
        Assert.True(frame.Integers.IsEmpty && frame.Floats.IsEmpty && frame.Escapes.IsEmpty && frame.Exponents.IsEmpty);
    }

    private static long Allocated(Action action)
    {
        action();
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static void Tag(CodedOutputStream stream, int field, WireFormat.WireType type) => stream.WriteTag(field, type);

    private sealed class MemoryContext : SerializationContext
    {
        public ArrayBufferWriter<byte> Writer { get; } = new();
        public int Length { get; private set; } = -1;
        public bool Completed { get; private set; }

        public override void SetPayloadLength(int payloadLength) => Length = payloadLength;

        public override IBufferWriter<byte> GetBufferWriter()
        {
            Assert.True(Length >= 0, "The length comes first.");
            return Writer;
        }

        public override void Complete() => Completed = true;
    }
}

using System.Buffers;
using System.Buffers.Binary;
using CsCheck;
using Google.Protobuf;
using Grpc.Core;
using Lockstep.Core.Codec;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Marshalling;

/// <summary>Integers in as many bits as they need, and values as bfloat16, on the wire.</summary>
public sealed class PackedFrameTests
{
    private const int PackedField = 10;
    private const int RoundedField = 11;

    private static readonly Gen<int[]> Integers = Gen.Select(Gen.Int[0, 31], Gen.OneOf(Gen.Int[0, 60], Gen.Int[1000, 3000])).SelectMany((bits, length) => Gen.Int[-(1 << bits >>> 1), (1 << bits) - 1].Array[length]);

    [Fact]
    public void Integers_come_back_however_the_bytes_are_cut() => Gen.Select(Integers, Gen.Int[1, 5000]).Sample((integers, cut) =>
    {
        var frame = new TensorFrame { Index = 3, Integers = integers, IsNarrow = true, Exponents = new byte[] { 1 } };
        byte[] bytes = Frames.Write(frame);
        Assert.Equal(TensorMarshaller.SizeOf(frame), bytes.Length);
        // No longer than as they are, but for how many there are and the widths.
        Assert.True(integers.Length == 0 || bytes.Length <= Frames.Write(new TensorFrame { Index = 3, Integers = integers, Exponents = new byte[] { 1 } }).Length + 5 + IntegerPacking.Pieces(integers.Length));
        WorkerFrame message = WorkerFrame.Parser.ParseFrom(bytes);
        Assert.Equal((3, integers.Length > 0, 0), (message.ChunkPlusOne, message.PackedSums.Length > 0, message.Sums.Count));

        using TensorFrame read = TensorMarshaller.Read(Frames.Cut(bytes, cut));

        Assert.Equal(integers, read.Integers.ToArray());
    }, iter: 300);

    [Fact]
    public void Values_come_back_rounded_however_the_bytes_are_cut() => Gen.Select(Gen.Int.Select(BitConverter.Int32BitsToSingle).Array[0, 300], Gen.Int[1, 40], Gen.Int[1, 7]).Sample((values, cut, other) =>
    {
        var frame = new TensorFrame { Floats = values, IsRounded = true };
        byte[] bytes = Frames.Write(frame);
        Assert.Equal(TensorMarshaller.SizeOf(frame), bytes.Length);
        Assert.Equal(values.Length * 2, ShardFrame.Parser.ParseFrom(bytes).RoundedValues.Length);

        using TensorFrame read = TensorMarshaller.Read(Frames.Cut(bytes, cut, other));

        var expected = new float[values.Length];
        BFloat16.Round(values, expected);
        Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), read.Floats.ToArray().Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(values.Length > 0, read.IsRounded);
    }, iter: 500);

    [Fact]
    public void Neither_way_allocates_room_for_the_numbers()
    {
        var frame = new TensorFrame { Integers = Enumerable.Range(0, 262_144).ToArray(), IsNarrow = true, Floats = new float[1000], IsRounded = true };
        byte[] bytes = Frames.Write(frame);
        var writer = new ArrayBufferWriter<byte>(bytes.Length + (1 << 17));
        var sequence = new ReadOnlySequence<byte>(bytes);
        TensorMarshaller.Read(sequence).Dispose();

        long before = GC.GetAllocatedBytesForCurrentThread();
        TensorMarshaller.Write(frame, writer);
        TensorMarshaller.Read(sequence).Dispose();

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2000);
    }

    [Theory]
    [InlineData(PackedField, "010203", "3 bytes hold no packed integers")]
    [InlineData(PackedField, "ffffffff", "4 bytes hold no packed integers")]
    [InlineData(PackedField, "01000400ff", "hold no packed integers, of which there may be 262144")]
    [InlineData(PackedField, "01040000", "hold no packed integers")]
    [InlineData(PackedField, "0100000021", "a width of more than 32 bits")]
    [InlineData(PackedField, "010000002001020304ff", "1 packed integers of their widths take 9 bytes, not 10")]
    [InlineData(PackedField, "0100000020010203", "1 packed integers of their widths take 9 bytes, not 8")]
    [InlineData(PackedField, "0000000000", "0 packed integers of their widths take 0 bytes, not 5")]
    [InlineData(RoundedField, "010203", "3 bytes are no whole number of 16-bit values")]
    public void What_is_no_such_field_is_refused(int field, string hex, string reason)
    {
        byte[] bytes = Frames.Bytes(stream =>
        {
            stream.WriteTag(field, WireFormat.WireType.LengthDelimited);
            stream.WriteBytes(ByteString.CopyFrom(Convert.FromHexString(hex)));
        });

        RpcException exception = Assert.Throws<RpcException>(() => TensorMarshaller.Read(Frames.Cut(bytes, 3)));

        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Contains(reason, exception.Status.Detail, StringComparison.Ordinal);
    }

    /// <summary>Zeros take a byte a thousand, and a message of a few kilobytes must not make room for millions.</summary>
    [Fact]
    public void More_integers_than_a_chunk_has_are_refused_before_there_is_room_for_them()
    {
        var packed = new byte[4 + (1 << 20)];
        BinaryPrimitives.WriteInt32LittleEndian(packed, 1 << 30);
        byte[] bytes = Frames.Bytes(stream =>
        {
            stream.WriteTag(PackedField, WireFormat.WireType.LengthDelimited);
            stream.WriteBytes(ByteString.CopyFrom(packed));
        });

        Assert.Throws<RpcException>(() => TensorMarshaller.Read(new ReadOnlySequence<byte>(bytes)));
    }
}

using System.Buffers;
using CsCheck;
using Google.Protobuf;
using Grpc.Core;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Marshalling;

/// <summary>Bytes that are no such message are refused with a status, never with another exception and never silently.</summary>
public sealed class MalformedFrameTests
{
    [Fact]
    public void Cut_short_anywhere_it_is_refused_where_protobuf_refuses_it() => Gen.Select(Frames.Worker, Gen.Int[0, 1000]).Sample((message, at) =>
    {
        byte[] bytes = message.ToByteArray();
        byte[] cut = bytes[..(at % (bytes.Length + 1))];
        return ReadsLikeProtobuf(cut);
    });

    [Fact]
    public void A_changed_byte_never_ends_in_another_exception() => Gen.Select(Frames.Worker, Gen.Int[0, 1000], Gen.Byte).Sample((message, at, value) =>
    {
        byte[] bytes = message.ToByteArray();
        if (bytes.Length > 0)
        {
            bytes[at % bytes.Length] = value;
        }

        _ = TryRead(bytes, out TensorFrame? frame);
        frame?.Dispose();
    });

    [Theory]
    [InlineData("1A 05 00 00 00 00 00", "5 bytes are no whole number of 32-bit values")]
    [InlineData("22 03 00 00 00", "3 bytes are no whole number of 32-bit values")]
    [InlineData("62 03 00 00 00", "3 bytes are no whole number of 16-bit values")]
    [InlineData("1A 08 00 00 00 00", "a field of 8 bytes ends after 4")]
    [InlineData("0A FF FF FF FF FF FF FF FF FF 01", "a field of 18446744073709551615 bytes ends after 0")]
    [InlineData("10 80", "it ends within a number")]
    [InlineData("10 FF FF FF FF FF FF FF FF FF FF 01", "a number is longer than ten bytes")]
    [InlineData("25 00 00", "a field of 4 bytes ends after 2")]
    [InlineData("00 01", "a field has the number 0")]
    [InlineData("0B", "field 1 has the unknown wire type 3")]
    public void Says_what_is_wrong(string hex, string what)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

        var exception = Assert.Throws<RpcException>(() => TensorMarshaller.Read(new ReadOnlySequence<byte>(bytes)));

        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Contains(what, exception.Status.Detail, StringComparison.Ordinal);
    }

    private static bool ReadsLikeProtobuf(byte[] bytes)
    {
        WorkerFrame? expected = null;
        try
        {
            expected = WorkerFrame.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
        }

        return TryRead(bytes, out TensorFrame? frame) ? expected is not null && expected.Equals(Frames.ToMessage(frame!)) : expected is null;
    }

    private static bool TryRead(byte[] bytes, out TensorFrame? frame)
    {
        try
        {
            frame = TensorMarshaller.Read(new ReadOnlySequence<byte>(bytes));
            return true;
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.InvalidArgument)
        {
            frame = null;
            return false;
        }
    }
}

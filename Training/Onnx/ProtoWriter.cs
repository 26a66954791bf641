using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Lockstep.Training;

/// <summary>Writes messages of protocol buffers: fields one after the other, each with its number.</summary>
internal sealed class ProtoWriter
{
    private const int VarintType = 0;
    private const int BytesType = 2;
    private const int FloatType = 5;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public void Whole(int field, long value)
    {
        Tag(field, VarintType);
        Varint((ulong)value);
    }

    public void Float(int field, float value)
    {
        Tag(field, FloatType);
        BinaryPrimitives.WriteSingleLittleEndian(_bytes.GetSpan(sizeof(float)), value);
        _bytes.Advance(sizeof(float));
    }

    public void Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, BytesType);
        Varint((ulong)value.Length);
        _bytes.Write(value);
    }

    public void Message(int field, Action<ProtoWriter> write)
    {
        var inner = new ProtoWriter();
        write(inner);
        Bytes(field, inner.Written);
    }

    private void Tag(int field, int type) => Varint((ulong)((field << 3) | type));

    private void Varint(ulong value)
    {
        Span<byte> span = _bytes.GetSpan(10);
        int count = 0;
        for (; value > 0x7f; value >>= 7)
        {
            span[count++] = (byte)(value | 0x80);
        }

        span[count++] = (byte)value;
        _bytes.Advance(count);
    }
}

namespace Lockstep.Data;

/// <summary>Bytes for a decoder that may go on and on behind their end: it is stopped there.</summary>
internal sealed class EndedStream(byte[] bytes) : MemoryStream(bytes, writable: false)
{
    /// <summary>A good decoder looks a little too far at most.</summary>
    private const int MostBeyond = 1 << 12;

    private int _beyond;

    public override int ReadByte() => Noting(base.ReadByte(), -1);

    public override int Read(byte[] buffer, int offset, int count) => Noting(base.Read(buffer, offset, count), 0);

    public override int Read(Span<byte> buffer) => Noting(base.Read(buffer), 0);

    private int Noting(int read, int none) => read != none || ++_beyond < MostBeyond ? read : throw new EndOfStreamException("it ends too early");
}

using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Transport.Memory;

/// <summary>Reads messages from a socket. One thread.</summary>
internal sealed class Inbox(LocalSocket socket) : IDisposable
{
    /// <summary>No message is longer: a chunk whose slots all escape, on every level that there is, is a fraction of it.</summary>
    private const int Longest = 256 << 20;

    private const int HeadBytes = sizeof(int) + 1;

    /// <summary>More than a worker has sums on their way, or a shard versions in use: whoever hands over more would have all files and addresses of this process.</summary>
    private const int MostRegions = 256;

    /// <summary>A file comes with the message that says what it is.</summary>
    private const int MostFiles = 8;

    private const int TokenBytes = 64;

    private readonly Queue<SafeFileHandle> _files = [];
    // Regions of the other side, by number.
    private readonly Dictionary<int, SharedRegion> _regions = [];
    private readonly TensorFrame _frame = new();
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
    private int _from;
    private int _to;

    /// <summary>Waits for the next frame; takes note of regions meanwhile.</summary>
    /// <returns>Null: the other side has ended. Dispose it before the next one.</returns>
    /// <exception cref="ProtocolException">The other side refuses, or what it sent is no such message.</exception>
    /// <exception cref="RpcException">Unknown: the other side failed.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    public TensorFrame? Next()
    {
        while (Read(Longest, out MessageKind kind) is { } body)
        {
            ReadOnlySpan<byte> bytes = body.Span;
            if (_files.Count > MostFiles || _regions.Count > MostRegions)
            {
                throw WireConversions.Invalid($"it hands over {_files.Count} files that are nothing, and {_regions.Count} regions of memory");
            }

            switch (kind)
            {
                case MessageKind.Frame:
                    return TensorMarshaller.Read(new ReadOnlySequence<byte>(body), _frame);
                case MessageKind.Region when bytes.Length == sizeof(int) + sizeof(long) && _files.TryDequeue(out SafeFileHandle? file):
                    int number = BinaryPrimitives.ReadInt32LittleEndian(bytes);
                    SharedRegion region = SharedRegion.Attach(number, file, BinaryPrimitives.ReadInt64LittleEndian(bytes[sizeof(int)..]));
                    if (!_regions.TryAdd(number, region))
                    {
                        region.Dispose();
                        throw WireConversions.Invalid($"region {number} comes twice");
                    }

                    break;
                case MessageKind.Dropped when bytes.Length == sizeof(int):
                    _regions.Remove(BinaryPrimitives.ReadInt32LittleEndian(bytes));
                    break;
                case MessageKind.Alive when bytes.IsEmpty:
                    break;
                case MessageKind.Refused when bytes.Length >= sizeof(int):
                    var error = (ProtocolError)BinaryPrimitives.ReadInt32LittleEndian(bytes);
                    string reason = Encoding.UTF8.GetString(bytes[sizeof(int)..]);
                    throw Enum.IsDefined(error) ? new ProtocolException(error, reason) : new RpcException(new Status(StatusCode.Unknown, reason));
                default:
                    throw WireConversions.Invalid($"a message of kind {(int)kind} with {bytes.Length} bytes is none that fits here");
            }
        }

        return null;
    }

    /// <summary>The token that a connection begins with.</summary>
    /// <returns>Null: it does not begin with one.</returns>
    public byte[]? Token() => Read(TokenBytes, out MessageKind kind) is { } body && kind == MessageKind.Token ? body.ToArray() : null;

    /// <summary>Numbers that the other side placed in its memory. They may change while they are read, unless the protocol says otherwise.</summary>
    /// <exception cref="ProtocolException">There is no such place.</exception>
    public ReadOnlyMemory<T> At<T>(Place place, out SharedRegion region) where T : unmanaged
    {
        if (!_regions.TryGetValue(place.Region, out region!))
        {
            throw WireConversions.Invalid($"it refers to region {place.Region}, which did not come");
        }

        Memory<T> all = region.Memory<T>();
        return place.Offset >= 0 && place.Count >= 0 && place.Offset <= all.Length - place.Count
            ? all.Slice(place.Offset, place.Count)
            : throw WireConversions.Invalid($"it refers to {place.Count} numbers from number {place.Offset} on of region {place.Region}, which has {all.Length}");
    }

    /// <summary>Lets go of the buffer. The regions stay mapped for as long as somebody may read them: the collector lets go of them.</summary>
    public void Dispose()
    {
        while (_files.TryDequeue(out SafeFileHandle? file))
        {
            file.Dispose();
        }

        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private ReadOnlyMemory<byte>? Read(int longest, out MessageKind kind)
    {
        kind = default;
        if (!Have(HeadBytes))
        {
            return _to == _from ? null : throw Broken();
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(_buffer.AsSpan(_from));
        kind = (MessageKind)_buffer[_from + sizeof(int)];
        if (length < 0 || length > longest)
        {
            throw WireConversions.Invalid($"a message says that it has {length} bytes");
        }

        if (!Have(HeadBytes + length))
        {
            throw Broken();
        }

        var body = new ReadOnlyMemory<byte>(_buffer, _from + HeadBytes, length);
        _from += HeadBytes + length;
        return body;
    }

    /// <summary>Who ends within a message did not mean to.</summary>
    private static SocketException Broken() => new((int)SocketError.ConnectionReset);

    /// <returns>False: the other side ended before so many bytes came.</returns>
    private bool Have(int bytes)
    {
        while (_to - _from < bytes)
        {
            if (_from > 0)
            {
                _buffer.AsSpan(_from, _to - _from).CopyTo(_buffer);
                (_from, _to) = (0, _to - _from);
            }

            if (_buffer.Length < bytes)
            {
                byte[] larger = ArrayPool<byte>.Shared.Rent(bytes);
                _buffer.AsSpan(0, _to).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = larger;
            }

            int received = socket.Receive(_buffer.AsSpan(_to), _files);
            if (received == 0)
            {
                return false;
            }

            _to += received;
        }

        return true;
    }
}

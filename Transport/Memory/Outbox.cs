using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Memory;

/// <summary>Sends messages in their order. Whoever has one sends it at once where the socket has room; where it has none, a thread goes on, so that nobody waits.</summary>
/// <param name="next">The messages of what is to be sent next; null: nothing. Asked by one thread at a time.</param>
/// <param name="end">Called where the end comes, once all before it is sent.</param>
/// <param name="failed">Is told, once, that the connection broke or a message cannot be sent; nothing is sent after that.</param>
internal sealed class Outbox(LocalSocket socket, Func<IEnumerator<Outgoing>?> next, Action end, Action<Exception> failed)
{
    /// <summary>Small messages that wait together travel together.</summary>
    private const int Together = 32 << 10;

    private readonly Lock _gate = new();
    private readonly ArrayBufferWriter<byte> _bytes = new(2 * Together);
    private IEnumerator<Outgoing>? _current;
    private Outgoing? _held;
    // The one whose file goes with the buffer's first byte.
    private SharedRegion? _region;
    private int _sent;
    private bool _isKicked;
    private bool _isSending;
    private bool _saysAlive;

    /// <summary>There is something to be sent.</summary>
    public void Kick()
    {
        lock (_gate)
        {
            _isKicked = true;
            if (_isSending)
            {
                return;
            }

            _isSending = true;
        }

        Run(mayWait: false);
    }

    /// <summary>Says that this end is there, unless something is being sent, which says it too.</summary>
    public void SayAlive()
    {
        lock (_gate)
        {
            if (_isSending)
            {
                return;
            }

            _isKicked = true;
            _isSending = true;
            _saysAlive = true;
        }

        Run(mayWait: false);
    }

    private void Run(bool mayWait)
    {
        try
        {
            while (Fill() || MayEnd())
            {
                if (_bytes.WrittenCount > _sent && !Send(mayWait))
                {
                    _ = Task.Factory.StartNew(() => Run(mayWait: true), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                    return;
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Whoever posts from here on posts in vain: it counts as sending for good.
            _current?.Dispose();
            failed(exception);
        }
    }

    /// <summary>Writes messages into the buffer until there are enough, or no more.</summary>
    /// <returns>Whether there is anything in it.</returns>
    private bool Fill()
    {
        if (_bytes.WrittenCount > _sent)
        {
            return true;
        }

        _bytes.ResetWrittenCount();
        _sent = 0;
        if (_saysAlive)
        {
            _saysAlive = false;
            Head(MessageKind.Alive, 0);
        }

        while (_bytes.WrittenCount < Together)
        {
            if (_held is not { } message)
            {
                if (_current is null)
                {
                    lock (_gate)
                    {
                        _isKicked = false;
                    }

                    _current = next();
                }

                if (_current is null)
                {
                    break;
                }

                if (!_current.MoveNext())
                {
                    _current.Dispose();
                    _current = null;
                    continue;
                }

                message = _current.Current;
            }

            _held = null;
            if ((message.Region is not null || message.IsEnd) && _bytes.WrittenCount > 0)
            {
                // A file goes with the first byte of what is sent, and the end comes after the last one.
                _held = message;
                break;
            }

            if (message.IsEnd)
            {
                end();
                continue;
            }

            Write(message);
            if (message.Region is { } region)
            {
                _region = region;
                break;
            }
        }

        return _bytes.WrittenCount > 0;
    }

    /// <returns>False: there is no room.</returns>
    private bool Send(bool mayWait)
    {
        while (_sent < _bytes.WrittenCount)
        {
            int sent = socket.Send(_bytes.WrittenSpan[_sent..], _region?.File, mayWait);
            if (sent == 0)
            {
                return false;
            }

            _region = null;
            _sent += sent;
        }

        return true;
    }

    /// <returns>False: there is nothing left, and nobody has come since that was seen.</returns>
    private bool MayEnd()
    {
        lock (_gate)
        {
            if (_isKicked)
            {
                return true;
            }

            _isSending = false;
            return false;
        }
    }

    private void Write(in Outgoing message)
    {
        switch (message)
        {
            case { Frame: { } frame }:
                Head(MessageKind.Frame, TensorMarshaller.SizeOf(frame));
                TensorMarshaller.Write(frame, _bytes);
                break;
            case { Region: { } region }:
                Head(MessageKind.Region, sizeof(int) + sizeof(long));
                BinaryPrimitives.WriteInt32LittleEndian(Room(sizeof(int)), region.Number);
                BinaryPrimitives.WriteInt64LittleEndian(Room(sizeof(long)), region.Bytes);
                break;
            case { Refusal: { } refusal }:
                byte[] text = Encoding.UTF8.GetBytes(refusal.Message);
                Head(MessageKind.Refused, sizeof(int) + text.Length);
                BinaryPrimitives.WriteInt32LittleEndian(Room(sizeof(int)), refusal is ProtocolException { Error: var error } ? (int)error : 0);
                _bytes.Write(text);
                break;
            case { Token: { } token }:
                Head(MessageKind.Token, token.Length);
                _bytes.Write(token);
                break;
            default:
                Head(MessageKind.Dropped, sizeof(int));
                BinaryPrimitives.WriteInt32LittleEndian(Room(sizeof(int)), message.Dropped);
                break;
        }
    }

    private void Head(MessageKind kind, int length)
    {
        Span<byte> head = Room(sizeof(int) + 1);
        BinaryPrimitives.WriteInt32LittleEndian(head, length);
        head[sizeof(int)] = (byte)kind;
    }

    private Span<byte> Room(int length)
    {
        Span<byte> room = _bytes.GetSpan(length)[..length];
        _bytes.Advance(length);
        return room;
    }
}

using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Grpc;

/// <summary>A shard's way to one worker over gRPC: keeps what is to be sent, and of turns that were not sent yet the newest two: while a shard is behind, a worker has to take the version before the newest.</summary>
internal sealed class GrpcStepSink(TimeProvider time) : IStepSink
{
    private static readonly WriteOptions MoreFollows = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Last = new();

    private readonly Lock _gate = new();
    // Bounded: two turns, and of the rest a few a step, of which a worker that does not read gets no more once it is granted nothing.
    private readonly LinkedList<ShardMessage> _waiting = [];
    private readonly SemaphoreSlim _more = new(0);
    private bool _isEnded;
    private Exception? _reason;

    public void Send(ShardMessage message)
    {
        ShardMessage? dropped = null;
        lock (_gate)
        {
            if (_isEnded)
            {
                dropped = message;
            }
            else
            {
                if (message is TurnMessage turn && Outdated(turn) is { } old)
                {
                    dropped = old.Value;
                    _waiting.Remove(old);
                }

                _waiting.AddLast(message);
                _more.Release();
            }
        }

        dropped?.Release();
    }

    public void End(Exception? reason)
    {
        lock (_gate)
        {
            if (!_isEnded)
            {
                _isEnded = true;
                _reason = reason;
                _more.Release();
            }
        }
    }

    /// <summary>Sends what comes, until the end.</summary>
    public async Task RunAsync(IServerStreamWriter<TensorFrame> writer, CancellationToken cancellation)
    {
        while (true)
        {
            await _more.WaitAsync(cancellation);
            while (Next(out bool isLast) is { } message)
            {
                try
                {
                    await WriteAsync(writer, message, isLast, cancellation);
                }
                finally
                {
                    message.Release();
                }
            }

            lock (_gate)
            {
                if (_isEnded && _waiting.Count == 0)
                {
                    break;
                }
            }
        }

        if (_reason is { } reason)
        {
            throw reason;
        }
    }

    /// <summary>Lets go of what was not sent.</summary>
    public void Drop()
    {
        End(null);
        while (Next(out _) is { } message)
        {
            message.Release();
        }
    }

    /// <summary>A turn that waits and that nobody needs any more: no shard computes v + 2 before all have v + 1.</summary>
    private LinkedListNode<ShardMessage>? Outdated(TurnMessage newest)
    {
        for (LinkedListNode<ShardMessage>? node = _waiting.First; node is not null; node = node.Next)
        {
            if (node.Value is TurnMessage { Version.Cursor: var version } && version.Step + 1 < newest.Version.Cursor.Step)
            {
                return node;
            }
        }

        return null;
    }

    private ShardMessage? Next(out bool isLast)
    {
        lock (_gate)
        {
            ShardMessage? next = _waiting.First?.Value;
            if (next is not null)
            {
                _waiting.RemoveFirst();
            }

            isLast = _waiting.Count == 0;
            return next;
        }
    }

    private async Task WriteAsync(IServerStreamWriter<TensorFrame> writer, ShardMessage message, bool isLast, CancellationToken cancellation)
    {
        ReadOnlyMemory<float> values = message is TurnMessage { Version.Values: { } known } ? known : default;
        int first = Math.Min(values.Length, WireConversions.PieceElements);
        writer.WriteOptions = isLast && first == values.Length ? Last : MoreFollows;
        await writer.WriteAsync(new TensorFrame { Header = message.ToWire(time), Floats = values[..first] }, cancellation);
        for (int sent = first; sent < values.Length;)
        {
            int length = Math.Min(values.Length - sent, WireConversions.PieceElements);
            writer.WriteOptions = isLast && sent + length == values.Length ? Last : MoreFollows;
            await writer.WriteAsync(new TensorFrame { Floats = values.Slice(sent, length) }, cancellation);
            sent += length;
        }
    }
}

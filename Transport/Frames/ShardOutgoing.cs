using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Frames;

/// <summary>What a shard has still to send to one worker: in its order, and of turns that were not sent yet only the newest. Safe for many callers.</summary>
internal sealed class ShardOutgoing
{
    private readonly Lock _gate = new();
    // Bounded: two turns, and of the rest a few a step, of which a worker that does not read gets no more once it is granted nothing.
    private readonly LinkedList<ShardMessage> _waiting = [];
    private bool _isEnded;
    private bool _isEndTaken;

    /// <value>Why it ended; null: it has not, or there is nothing to say.</value>
    public Exception? Reason { get; private set; }

    public void Add(ShardMessage message)
    {
        ShardMessage? replaced = null;
        lock (_gate)
        {
            if (_isEnded)
            {
                replaced = message;
            }
            else
            {
                if (message is TurnMessage { IsKept: false } && Unsent() is { } old)
                {
                    replaced = old.Value;
                    _waiting.Remove(old);
                }

                _waiting.AddLast(message);
            }
        }

        replaced?.Release();
    }

    /// <summary>Nothing is added from here on.</summary>
    public void End(Exception? reason)
    {
        lock (_gate)
        {
            if (!_isEnded)
            {
                _isEnded = true;
                Reason = reason;
            }
        }
    }

    /// <summary>The next message, whose memory is the caller's to release.</summary>
    /// <param name="isLast">None waits behind it.</param>
    public ShardMessage? Next(out bool isLast)
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

    /// <returns>Whether it has ended and all is taken; true once.</returns>
    public bool TakeEnd()
    {
        lock (_gate)
        {
            bool isNow = _isEnded && _waiting.Count == 0 && !_isEndTaken;
            _isEndTaken |= isNow;
            return isNow;
        }
    }

    /// <summary>Ends, and lets go of what was not taken.</summary>
    public void Drop()
    {
        End(null);
        while (Next(out _) is { } message)
        {
            message.Release();
        }
    }

    private LinkedListNode<ShardMessage>? Unsent()
    {
        for (LinkedListNode<ShardMessage>? node = _waiting.First; node is not null; node = node.Next)
        {
            if (node.Value is TurnMessage { IsKept: false })
            {
                return node;
            }
        }

        return null;
    }
}

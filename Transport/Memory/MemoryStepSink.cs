using Lockstep.Core.Protocol;
using Lockstep.Transport.Frames;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Memory;

/// <summary>A shard's way to one worker of the same host.</summary>
internal sealed class MemoryStepSink : IStepSink
{
    private readonly LocalSocket _socket;
    private readonly TimeProvider _time;
    private readonly Outbox _outbox;
    private readonly ShardOutgoing _waiting = new();
    private readonly HashSet<int> _given = [];
    private readonly ManualResetEventSlim _sent = new();

    public MemoryStepSink(LocalSocket socket, TimeProvider time)
    {
        _socket = socket;
        _time = time;
        _outbox = new Outbox(socket, Next, socket.End, _ => Drop());
    }

    public void Send(ShardMessage message)
    {
        _waiting.Add(message);
        _outbox.Kick();
    }

    public void End(Exception? reason)
    {
        _waiting.End(reason);
        _outbox.Kick();
    }

    /// <summary>Says to the worker that the shard is there.</summary>
    public void SayAlive() => _outbox.SayAlive();

    /// <summary>Waits until all is sent, or the connection broke.</summary>
    /// <returns>False: it took too long.</returns>
    public bool WaitSent(TimeSpan patience) => _sent.Wait(patience);

    /// <summary>Lets go of what was not sent.</summary>
    public void Drop()
    {
        _waiting.Drop();
        _socket.End();
        _sent.Set();
    }

    private IEnumerator<Outgoing>? Next() =>
        _waiting.Next(out _) is { } message ? Frames(message).GetEnumerator()
        : _waiting.TakeEnd() ? Last().GetEnumerator()
        : null;

    private IEnumerable<Outgoing> Last()
    {
        if (_waiting.Reason is { } reason)
        {
            yield return new Outgoing(Refusal: reason);
        }

        yield return new Outgoing(IsEnd: true);
        _sent.Set();
    }

    private IEnumerable<Outgoing> Frames(ShardMessage message)
    {
        try
        {
            ReadOnlyMemory<float> values = message is TurnMessage { Version.Values: { } known } ? known : default;
            SharedRegion? region = SharedRegion.Of(values, out int offset);
            if (region is not null && _given.Add(region.Number))
            {
                yield return new Outgoing(Region: region);
            }

            TensorFrame frame = message.ToFrame(_time);
            if (region is not null)
            {
                frame.Place = new Place(region.Number, offset, values.Length);
                yield return new Outgoing(frame);
                yield break;
            }

            int sent = 0;
            do
            {
                frame.Floats = values.Slice(sent, Math.Min(values.Length - sent, WireConversions.PieceElements));
                sent += frame.Floats.Length;
                yield return new Outgoing(frame);
                (frame.Header, frame.Hints) = (null, default);
            }
            while (sent < values.Length);
        }
        finally
        {
            message.Release();
        }
    }
}

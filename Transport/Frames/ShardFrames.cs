using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Protos;
using Cursor = Lockstep.Core.Protocol.Cursor;

namespace Lockstep.Transport.Frames;

/// <summary>The way from a shard's frames to whoever works on the job.</summary>
/// <param name="inbox">Where placed values are looked up; null: the stream shares no memory.</param>
internal sealed class ShardFrames(int shard, IStepReceiver receiver, TimeProvider time, Inbox? inbox = null)
{
    private Turn? _turn;
    private short[] _hints = [];
    private Memory<float>? _room;
    private PlacedValues? _placed;
    private int _filled;
    private long _bytes;
    private bool _isRounded;
    private long _arrived;

    /// <exception cref="ProtocolException">It cannot be what it says.</exception>
    public void Take(TensorFrame frame)
    {
        if (!frame.HeaderBytes.IsEmpty)
        {
            ShardHeader header = WireConversions.Header(frame, ShardHeader.Parser);
            if (header.SaidCase != ShardHeader.SaidOneofCase.Turn)
            {
                receiver.Received(shard, header.FromWire());
                return;
            }

            _turn = header.Turn;
            _hints = frame.Hints.ToArray();
            _arrived = time.GetTimestamp();
            _filled = 0;
            _bytes = 0;
            _isRounded = false;
            _placed = frame.Place.Region == 0 ? null : Placed(frame.Place);
            _room = _turn.HasValues && _placed is null ? receiver.Stage(shard, Version) : null;
        }

        if (_turn is not { } turn)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Shard {shard} sent values without a turn. Server and client must be of the same build.");
        }

        if (turn.HasValues && _placed is null)
        {
            if (_room is { } room)
            {
                if (room.Length != turn.Elements || frame.Floats.Length > turn.Elements - _filled)
                {
                    throw new ProtocolException(ProtocolError.Invalid, $"Shard {shard} sent {_filled + frame.Floats.Length} values of {turn.Elements}, where there is room for {room.Length}. Server and client must be of the same build.");
                }

                frame.Floats.Span.CopyTo(room.Span[_filled..]);
            }

            _filled += frame.Floats.Length;
            _bytes += frame.Floats.Length * (long)(frame.IsRounded ? sizeof(ushort) : sizeof(float));
            _isRounded |= frame.IsRounded;
            if (_filled < turn.Elements)
            {
                return;
            }
        }

        _turn = null;
        double receiveMs = turn.HasValues ? time.GetElapsedTime(_arrived).TotalMilliseconds : 0;
        receiver.Offered(shard, new OfferedVersion(
            turn.Cursor.FromWire(), turn.Finished, _hints,
            turn.AgeMs < 0 ? -1 : turn.AgeMs + receiveMs, receiveMs, _placed is null ? _bytes : turn.Elements * (long)sizeof(float), TraceContext.Parse(turn.TraceParent))
        {
            Placed = _placed,
            IsRounded = _isRounded,
            Format = turn.FormatFromWire(),
        });
    }

    private Cursor Version => _turn!.Cursor.FromWire() with { Attempt = 0 };

    private PlacedValues Placed(Place place)
    {
        if (inbox is null || !_turn!.HasValues || place.Count != _turn.Elements)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Shard {shard} placed {place.Count} values of {_turn!.Elements} in memory. Server and client must be of the same build.");
        }

        Cursor version = Version;
        ReadOnlyMemory<float> values = inbox.At<float>(place, out SharedRegion region);
        return new PlacedValues(values, () => region.Holds(version));
    }
}

using System.Threading.Channels;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Protos;
using Cursor = Lockstep.Core.Protocol.Cursor;

namespace Lockstep.Transport.Grpc;

/// <summary>A worker's stream over gRPC: one call both ways, where reading never waits for writing.</summary>
internal sealed class GrpcStepStream : IStepStream
{
    private static readonly WriteOptions MoreFollows = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Last = new();

    // Bounded by the protocol: a worker has one contribution and a few words on their way.
    private readonly Channel<Func<Outgoing, Task>> _outgoing = Channel.CreateUnbounded<Func<Outgoing, Task>>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>One frame after the other.</summary>
    private delegate Task Outgoing(TensorFrame frame, bool isLast);

    private GrpcStepStream()
    {
    }

    public void Send(WorkerMessage message) => _outgoing.Writer.TryWrite(send => send(new TensorFrame { Header = message.ToWire() }, true));

    public void Send(long push, Contribution contribution)
    {
        WorkerHeader header = contribution.ToWire(push);
        _outgoing.Writer.TryWrite(async send =>
        {
            if (contribution.Chunks.Count == 0)
            {
                await send(new TensorFrame { Header = header }, true);
            }

            for (int i = 0; i < contribution.Chunks.Count; i++)
            {
                ChunkSum chunk = contribution.Chunks[i];
                await send(new TensorFrame { Header = i == 0 ? header : null, Index = chunk.Chunk + 1, Integers = chunk.Sums, Escapes = chunk.Escapes, Exponents = chunk.Exponents }, i == contribution.Chunks.Count - 1);
            }
        });
    }

    /// <summary>Opens a stream and serves it to its end.</summary>
    /// <exception cref="RpcException">It broke, or the shard ended it.</exception>
    public static async Task RunAsync(CallInvoker calls, int shard, string jobId, string workerId, IStepReceiver receiver, StreamProgress progress, TimeProvider time, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var call = calls.AsyncDuplexStreamingCall(ShardMethods.Work, null, new CallOptions(cancellationToken: stop.Token));
        var stream = new GrpcStepStream();
        var hello = new Hello { JobId = jobId, WorkerId = workerId, Held = { receiver.Held(shard).Select(c => c.ToWire()) } };
        stream._outgoing.Writer.TryWrite(send => send(new TensorFrame { Header = new WorkerHeader { Hello = hello } }, true));
        Task writing = stream.WriteAsync(call, stop.Token);
        Task reading = new Reading(shard, receiver, stream, progress, time).RunAsync(call.ResponseStream, stop.Token);
        try
        {
            if (await Task.WhenAny(reading, writing) == writing)
            {
                // What it wanted to say cannot be said; a broken call is no such case.
                await writing;
            }

            await reading;
        }
        finally
        {
            stream._outgoing.Writer.TryComplete();
            await stop.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // A write that waits for room at a server that refused may end late; its memory is nobody else's before.
            _ = writing.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }
    }

    /// <summary>Writes what is sent. Of a broken call, and why it broke, the reading side learns.</summary>
    /// <exception cref="RpcException">A message is larger than the channel's limit; the call itself is sound.</exception>
    private async Task WriteAsync(AsyncDuplexStreamingCall<TensorFrame, TensorFrame> call, CancellationToken cancellation)
    {
        IClientStreamWriter<TensorFrame> writer = call.RequestStream;
        try
        {
            while (await _outgoing.Reader.WaitToReadAsync(cancellation))
            {
                while (_outgoing.Reader.TryRead(out Func<Outgoing, Task>? next))
                {
                    await next((frame, isLast) =>
                    {
                        // Small messages that wait together travel together.
                        writer.WriteOptions = isLast && !_outgoing.Reader.TryPeek(out _) ? Last : MoreFollows;
                        return writer.WriteAsync(frame, cancellation);
                    });
                }
            }
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.ResourceExhausted && !HasEnded(call))
        {
            throw;
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException or InvalidOperationException or IOException or HttpRequestException)
        {
        }
    }

    private static bool HasEnded(AsyncDuplexStreamingCall<TensorFrame, TensorFrame> call)
    {
        try
        {
            call.GetStatus();
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>The way from the shard's frames to the receiver.</summary>
    private sealed class Reading(int shard, IStepReceiver receiver, IStepStream stream, StreamProgress progress, TimeProvider time)
    {
        private Turn? _turn;
        private Memory<float>? _room;
        private int _filled;
        private long _arrived;

        public async Task RunAsync(IAsyncStreamReader<TensorFrame> reader, CancellationToken cancellation)
        {
            bool isOpen = false;
            try
            {
                while (await reader.MoveNext(cancellation))
                {
                    using TensorFrame frame = reader.Current;
                    if (!isOpen)
                    {
                        isOpen = true;
                        progress.Answered();
                        receiver.Opened(shard, stream);
                    }

                    Take(frame);
                }

                throw new RpcException(new Status(StatusCode.Unavailable, "The shard ended the stream."));
            }
            finally
            {
                if (isOpen)
                {
                    receiver.Ended(shard);
                }
            }
        }

        private void Take(TensorFrame frame)
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
                _arrived = time.GetTimestamp();
                _filled = 0;
                _room = _turn.HasValues ? receiver.Stage(shard, Version) : null;
            }

            if (_turn is not { } turn)
            {
                throw new ProtocolException(ProtocolError.Invalid, $"Shard {shard} sent values without a turn. Server and client must be of the same build.");
            }

            if (turn.HasValues)
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
                if (_filled < turn.Elements)
                {
                    return;
                }
            }

            _turn = null;
            progress.Offered(turn.Cursor.FromWire());
            double receiveMs = turn.HasValues ? time.GetElapsedTime(_arrived).TotalMilliseconds : 0;
            receiver.Offered(shard, new OfferedVersion(
                turn.Cursor.FromWire(), turn.Finished, [.. turn.Hints.Select(h => (short)h)],
                turn.AgeMs < 0 ? -1 : turn.AgeMs + receiveMs, receiveMs, turn.HasValues ? turn.Elements * (long)sizeof(float) : 0, TraceContext.Parse(turn.TraceParent)));
        }

        private Cursor Version => _turn!.Cursor.FromWire() with { Attempt = 0 };
    }
}

using System.Threading.Channels;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Frames;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Grpc;

/// <summary>A worker's stream over gRPC: one call both ways, where reading never waits for writing.</summary>
internal sealed class GrpcStepStream : IStepStream
{
    private static readonly WriteOptions MoreFollows = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Last = new();

    // Bounded by the protocol: a worker has one contribution and a few words on their way.
    private readonly Channel<Func<Outgoing, Task>> _outgoing = Channel.CreateUnbounded<Func<Outgoing, Task>>(new UnboundedChannelOptions { SingleReader = true });

    private volatile bool _isComplete;

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
            var frame = new TensorFrame { Header = header, IsNarrow = contribution.IsNarrow };
            if (contribution.Chunks.Count == 0)
            {
                await send(frame, true);
            }

            for (int i = 0; i < contribution.Chunks.Count; i++)
            {
                ChunkSum chunk = contribution.Chunks[i];
                (frame.Index, frame.Integers, frame.Escapes, frame.Exponents) = (chunk.Chunk + 1, chunk.Sums, chunk.Escapes, chunk.Exponents);
                await send(frame, i == contribution.Chunks.Count - 1);
                frame.Header = null;
            }
        });
    }

    public void Complete()
    {
        _isComplete = true;
        _outgoing.Writer.TryComplete();
    }

    /// <summary>Opens a stream and serves it to its end.</summary>
    /// <exception cref="RpcException">It broke, or the shard ended it.</exception>
    public static async Task RunAsync(CallInvoker calls, int shard, string jobId, string workerId, IStepReceiver receiver, Action answered, TimeProvider time, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var call = calls.AsyncDuplexStreamingCall(ShardMethods.Work, null, new CallOptions(cancellationToken: stop.Token));
        var stream = new GrpcStepStream();
        var hello = new Hello { JobId = jobId, WorkerId = workerId, Held = { receiver.Held(shard).Select(c => c.ToWire()) } };
        stream._outgoing.Writer.TryWrite(send => send(new TensorFrame { Header = new WorkerHeader { Hello = hello } }, true));
        Task writing = stream.WriteAsync(call, stop.Token);
        Task reading = ReadAsync(call.ResponseStream, shard, receiver, stream, answered, time, stop.Token);
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

            await writer.CompleteAsync();
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

    private static async Task ReadAsync(IAsyncStreamReader<TensorFrame> reader, int shard, IStepReceiver receiver, GrpcStepStream stream, Action answered, TimeProvider time, CancellationToken cancellation)
    {
        var frames = new ShardFrames(shard, receiver, time);
        bool isOpen = false;
        try
        {
            while (await reader.MoveNext(cancellation))
            {
                using TensorFrame frame = reader.Current;
                if (!isOpen)
                {
                    isOpen = true;
                    answered();
                    receiver.Opened(shard, stream);
                }

                frames.Take(frame);
            }

            if (!stream._isComplete)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, "The shard ended the stream."));
            }
        }
        finally
        {
            if (isOpen)
            {
                receiver.Ended(shard);
            }
        }
    }
}

using System.ComponentModel;
using System.Net.Sockets;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Frames;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Memory;

/// <summary>A worker's stream to a shard of the same host: small messages over a Unix socket, numbers in memory that both have mapped.</summary>
internal sealed class MemoryStepStream : IStepStream
{
    private readonly LocalSocket _socket;
    private readonly Outbox _outbox;
    private readonly Lock _gate = new();
    // Bounded by the protocol: a worker has one contribution and a few words on their way.
    private readonly Queue<IEnumerable<Outgoing>> _waiting = [];
    // Regions that the shard was given, and whether they are still there.
    private readonly Dictionary<int, WeakReference<SharedRegion>> _given = [];

    private volatile bool _isComplete;

    private MemoryStepStream(LocalSocket socket)
    {
        _socket = socket;
        _outbox = new Outbox(socket, Next, socket.EndSending, _ => socket.End());
    }

    public void Send(WorkerMessage message) => Post([new Outgoing(new TensorFrame { Header = message.ToWire() })]);

    public void Send(long push, Contribution contribution) => Post(Frames(contribution.ToWire(push), contribution));

    public void Complete()
    {
        _isComplete = true;
        Post([new Outgoing(IsEnd: true)]);
    }

    /// <summary>Serves a stream to its end.</summary>
    /// <param name="socket">Connected; ended and disposed of here.</param>
    /// <param name="token">Says to the shard who this is.</param>
    /// <exception cref="RpcException">It broke, or the shard ended it.</exception>
    /// <exception cref="ProtocolException">The shard ended it, and says why.</exception>
    public static async Task RunAsync(LocalSocket socket, byte[] token, int shard, string jobId, string workerId, IStepReceiver receiver, Action answered, TimeProvider time, CancellationToken cancellation)
    {
        using (socket)
        {
            var stream = new MemoryStepStream(socket);
            using CancellationTokenRegistration end = cancellation.Register(socket.End);
            using var pulse = new Pulse(socket, stream.SayAlive, time);
            var hello = new Hello { JobId = jobId, WorkerId = workerId, Held = { receiver.Held(shard).Select(c => c.ToWire()) } };
            stream.Post([new Outgoing(Token: token), new Outgoing(new TensorFrame { Header = new WorkerHeader { Hello = hello } })]);
            // A thread of its own: it waits all the time, and what it reads is looked at without a change of thread.
            await Task.Factory.StartNew(() => stream.Read(shard, receiver, answered, pulse, time), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private void Read(int shard, IStepReceiver receiver, Action answered, Pulse pulse, TimeProvider time)
    {
        using var inbox = new Inbox(_socket);
        var frames = new ShardFrames(shard, receiver, time, inbox);
        bool isOpen = false;
        try
        {
            while (inbox.Next() is { } next)
            {
                using TensorFrame frame = next;
                if (!isOpen)
                {
                    isOpen = true;
                    answered();
                    receiver.Opened(shard, this);
                }

                frames.Take(frame);
            }

            if (!_isComplete)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, pulse.HasEnded ? "The shard was silent for 5 s." : "The shard ended the stream."));
            }
        }
        catch (SocketException) when (_isComplete)
        {
            // It is over for both.
        }
        catch (SocketException exception)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, exception.Message, exception));
        }
        catch (Win32Exception exception)
        {
            throw new RpcException(new Status(StatusCode.Unknown, $"The shard's memory cannot be mapped: {exception.Message}", exception));
        }
        finally
        {
            _socket.End();
            if (isOpen)
            {
                receiver.Ended(shard);
            }
        }
    }

    private void SayAlive()
    {
        // After its last word the shard waits for nothing more.
        if (!_isComplete)
        {
            _outbox.SayAlive();
        }
    }

    private void Post(IEnumerable<Outgoing> messages)
    {
        lock (_gate)
        {
            _waiting.Enqueue(messages);
        }

        _outbox.Kick();
    }

    private IEnumerator<Outgoing>? Next()
    {
        lock (_gate)
        {
            return _waiting.TryDequeue(out IEnumerable<Outgoing>? messages) ? messages.GetEnumerator() : null;
        }
    }

    private IEnumerable<Outgoing> Frames(WorkerHeader header, Contribution contribution)
    {
        var frame = new TensorFrame { Header = header };
        if (contribution.Chunks.Count == 0)
        {
            yield return new Outgoing(frame);
        }

        for (int i = 0; i < contribution.Chunks.Count; i++)
        {
            ChunkSum chunk = contribution.Chunks[i];
            SharedRegion? region = SharedRegion.Of(chunk.Sums, out int offset);
            if (region is not null && _given.TryAdd(region.Number, new WeakReference<SharedRegion>(region)))
            {
                foreach (int dropped in _given.Where(g => !g.Value.TryGetTarget(out _)).Select(g => g.Key).ToArray())
                {
                    _given.Remove(dropped);
                    yield return new Outgoing(Dropped: dropped);
                }

                yield return new Outgoing(Region: region);
            }

            frame.Index = chunk.Chunk + 1;
            frame.Place = region is null ? default : new Place(region.Number, offset, chunk.Sums.Length);
            frame.Integers = region is null ? chunk.Sums : default;
            frame.Escapes = chunk.Escapes;
            frame.Exponents = chunk.Exponents;
            yield return new Outgoing(frame);
            frame.Header = null;
        }
    }
}

using System.Threading.Channels;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Tests.Local;

/// <summary>A worker's stream without a wire: each way messages are delivered one after the other, beside what the sender does.</summary>
internal class LocalStepStream(IShardHost host, int shard, IStepReceiver receiver) : IStepStream
{
    /// <value>Whose stream it is.</value>
    protected int Shard { get; } = shard;

    // Bounded by the protocol, as those of a wire.
    private readonly Channel<(object Message, long Push)> _up = Channel.CreateUnbounded<(object, long)>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<ShardMessage> _down = Channel.CreateUnbounded<ShardMessage>(new UnboundedChannelOptions { SingleReader = true });

    public void Send(WorkerMessage message) => _up.Writer.TryWrite((message, 0));

    public void Send(long push, Contribution contribution) => _up.Writer.TryWrite((contribution, push));

    public void Complete() => _up.Writer.TryComplete();

    /// <summary>Opens the stream and serves it to its end.</summary>
    public async Task RunAsync(string jobId, string workerId, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using IStepSession session = host.Attach(new StepHello(jobId, workerId, receiver.Held(Shard)), new Sink(_down.Writer));
        receiver.Opened(Shard, this);
        try
        {
            Task up = UpAsync(session, stop.Token);
            Task down = DownAsync(stop.Token);
            Task first = await Task.WhenAny(up, down);
            await stop.CancelAsync();
            await Task.WhenAll(up, down).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await first;
        }
        finally
        {
            _down.Writer.TryComplete();
            while (_down.Reader.TryRead(out ShardMessage? message))
            {
                message.Release();
            }

            receiver.Ended(Shard);
        }
    }

    /// <summary>Lets a message of the worker's, or a chunk of a contribution, take effect.</summary>
    /// <param name="message">A <see cref="WorkerMessage"/> or a <see cref="Contribution"/>.</param>
    /// <param name="chunk">Its number in the contribution; null: the message itself.</param>
    protected virtual Task DeliverUpAsync(object message, int? chunk, Action deliver, CancellationToken cancellation)
    {
        deliver();
        return Task.CompletedTask;
    }

    /// <summary>Lets a message of the shard's reach the worker.</summary>
    protected virtual Task DeliverDownAsync(ShardMessage message, Action deliver, CancellationToken cancellation)
    {
        deliver();
        return Task.CompletedTask;
    }

    private async Task UpAsync(IStepSession session, CancellationToken cancellation)
    {
        await foreach ((object message, long number) in _up.Reader.ReadAllAsync(cancellation))
        {
            if (message is WorkerMessage said)
            {
                await DeliverUpAsync(message, null, () => session.Receive(said), cancellation);
                continue;
            }

            var contribution = (Contribution)message;
            IPushSession? push = null;
            try
            {
                await DeliverUpAsync(message, null, () => push = session.BeginPush(number, contribution with { Chunks = [] }), cancellation);
                for (int i = 0; i < contribution.Chunks.Count; i++)
                {
                    ChunkSum chunk = contribution.Chunks[i];
                    await DeliverUpAsync(message, i, () => push!.Add(chunk), cancellation);
                }

                push!.Complete();
            }
            finally
            {
                push?.Dispose();
            }
        }
    }

    private async Task DownAsync(CancellationToken cancellation)
    {
        await foreach (ShardMessage message in _down.Reader.ReadAllAsync(cancellation))
        {
            try
            {
                await DeliverDownAsync(message, () => Deliver(message), cancellation);
            }
            finally
            {
                message.Release();
            }
        }
    }

    private void Deliver(ShardMessage message)
    {
        if (message is not TurnMessage { Version: var version })
        {
            receiver.Received(Shard, message);
            return;
        }

        if (version.Values is { } values && receiver.Stage(Shard, version.Cursor) is { } room)
        {
            values.CopyTo(room);
        }

        receiver.Offered(Shard, new OfferedVersion(version.Cursor, version.Finished, version.Hints.ToArray(), -1, 0, (version.Values?.Length ?? 0L) * sizeof(float), version.Trace));
    }

    private sealed class Sink(ChannelWriter<ShardMessage> down) : IStepSink
    {
        public void Send(ShardMessage message)
        {
            if (!down.TryWrite(message))
            {
                message.Release();
            }
        }

        public void End(Exception? reason) => down.TryComplete(reason);
    }
}

using System.Collections;
using System.Threading.Channels;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Faults;

/// <summary>A stream on which messages, either way, meet faults before they arrive, one after the other.</summary>
internal sealed class FaultyStream(IStepReceiver receiver, int shard, int shards, MessageFaults messages, WorkerFaults faults, TimeProvider time, Action breakOff) : IStepStream, IStepReceiver
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    // Bounded as the streams are.
    private readonly Channel<(long Push, Contribution? Contribution, WorkerMessage? Message)> _up = Channel.CreateUnbounded<(long, Contribution?, WorkerMessage?)>();
    private readonly Channel<(bool IsEnd, Action Deliver)> _down = Channel.CreateUnbounded<(bool, Action)>();
    private IStepStream? _inner;

    public void Send(WorkerMessage message) => _up.Writer.TryWrite((0, null, message));

    public void Send(long push, Contribution contribution) => _up.Writer.TryWrite((push, contribution, null));

    public IReadOnlyCollection<Cursor> Held(int of) => receiver.Held(of);

    public Memory<float>? Stage(int of, Cursor version) => receiver.Stage(of, version);

    public void Opened(int of, IStepStream stream)
    {
        _inner = stream;
        receiver.Opened(of, this);
    }

    public void Offered(int of, OfferedVersion version) => _down.Writer.TryWrite((false, () =>
    {
        faults.Step = version.Cursor.Step;
        receiver.Offered(of, version);
    }));

    public void Received(int of, ShardMessage message) => _down.Writer.TryWrite((false, () => receiver.Received(of, message)));

    public void Ended(int of) => _down.Writer.TryWrite((true, () => receiver.Ended(of)));

    public void Complete() => _up.Writer.TryWrite((0, null, null));

    /// <summary>Carries messages both ways until <see cref="Close"/>.</summary>
    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(UpAsync(cancellation), DownAsync(cancellation));

    /// <summary>The stream is over: nothing more comes.</summary>
    public void Close()
    {
        _up.Writer.TryComplete();
        _down.Writer.TryComplete();
    }

    private async Task UpAsync(CancellationToken cancellation)
    {
        try
        {
            await foreach ((long push, Contribution? contribution, WorkerMessage? message) in _up.Reader.ReadAllAsync(cancellation))
            {
                if (contribution is null && message is null)
                {
                    _inner!.Complete();
                    return;
                }

                (bool arrives, bool twice) = await messages.MeetAsync(PartitionSide.To, cancellation);
                if (!arrives)
                {
                    faults.BrokenPush = contribution?.Cursor ?? faults.BrokenPush;
                    breakOff();
                    return;
                }

                if (contribution is null)
                {
                    _inner!.Send(message!);
                    continue;
                }

                Contribution sent = await HoldAsync(contribution, cancellation);
                _inner!.Send(push, sent);
                if (twice)
                {
                    _inner.Send(push, contribution);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The stream is over.
        }
    }

    /// <summary>A contribution waits for a fault that is due while one shard has it and the others not, or breaks within its chunks.</summary>
    private async Task<Contribution> HoldAsync(Contribution contribution, CancellationToken cancellation)
    {
        long step = contribution.Cursor.Step;
        if (shard == 0)
        {
            faults.BrokenPush = null;
        }

        bool isBroken = shard == shards - 1 && faults.IsPending(FaultPhase.PushInChunk, step);
        // What is waited for does not come where another shard cannot take its part: the next push is as good.
        while (shard > 0 && faults.BrokenPush != contribution.Cursor && (faults.IsPending(FaultPhase.PushAfterOneShard, step) || (!isBroken && faults.IsPending(FaultPhase.PushInChunk, step))))
        {
            await Task.Delay(Pause, time, cancellation);
        }

        return isBroken ? contribution with { Chunks = new BreakingChunks(contribution.Chunks, () => faults.Reach(FaultPhase.PushInChunk, step)) } : contribution;
    }

    private async Task DownAsync(CancellationToken cancellation)
    {
        bool isBroken = false;
        await foreach ((bool isEnd, Action deliver) in _down.Reader.ReadAllAsync(CancellationToken.None))
        {
            if (!isEnd && !isBroken)
            {
                try
                {
                    isBroken = !(await messages.MeetAsync(PartitionSide.From, cancellation)).Arrives;
                }
                catch (OperationCanceledException)
                {
                    isBroken = true;
                }

                if (isBroken)
                {
                    breakOff();
                }
            }

            // A stream that broke still tells its end.
            if (isEnd || !isBroken)
            {
                deliver();
            }
        }
    }

    /// <summary>Chunks of which some are sent before the fault, and the rest, with the push's end, after it.</summary>
    private sealed class BreakingChunks(IReadOnlyList<ChunkSum> chunks, Action reach) : IReadOnlyList<ChunkSum>
    {
        public int Count => chunks.Count;

        public ChunkSum this[int index]
        {
            get
            {
                if (index == Math.Max(1, chunks.Count / 2))
                {
                    reach();
                }

                return chunks[index];
            }
        }

        public IEnumerator<ChunkSum> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

using Grpc.Core;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Grpc;

/// <summary>What the streams of one who works came to, one after the other. A version that was not offered before is progress, and nothing else: a server that fails on each contribution answers each stream too.</summary>
internal sealed class StreamProgress(Retry.BackOff backOff)
{
    private Cursor? _newest;

    /// <summary>The first message of a stream is there.</summary>
    public void Answered() => backOff.Answered();

    /// <summary>Waits before the next stream is opened, or throws what another one cannot mend.</summary>
    public Task WaitAsync(RpcException exception, CancellationToken cancellation) => backOff.WaitAsync(exception, cancellation);

    /// <summary>Looks at what comes to a receiver.</summary>
    public IStepReceiver Watch(IStepReceiver receiver) => new Watched(this, receiver);

    private void Offered(Cursor version)
    {
        if (_newest is not { } newest || version > newest)
        {
            _newest = version;
            backOff.Succeeded();
        }
    }

    private sealed class Watched(StreamProgress progress, IStepReceiver receiver) : IStepReceiver
    {
        public IReadOnlyCollection<Cursor> Held(int shard) => receiver.Held(shard);

        public void Opened(int shard, IStepStream stream) => receiver.Opened(shard, stream);

        public Memory<float>? Stage(int shard, Cursor version) => receiver.Stage(shard, version);

        public void Offered(int shard, OfferedVersion version)
        {
            progress.Offered(version.Cursor);
            receiver.Offered(shard, version);
        }

        public void Received(int shard, ShardMessage message) => receiver.Received(shard, message);

        public void Ended(int shard) => receiver.Ended(shard);
    }
}

using Grpc.Core;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Grpc;

/// <summary>What the streams of one who works came to, one after the other. A version that was not offered before is progress, and nothing else: a server that fails on each contribution answers each stream too.</summary>
internal sealed class StreamProgress(Retry.BackOff backOff)
{
    private Cursor? _newest;

    /// <summary>The first message of a stream is there.</summary>
    public void Answered() => backOff.Answered();

    public void Offered(Cursor version)
    {
        if (_newest is not { } newest || version > newest)
        {
            _newest = version;
            backOff.Succeeded();
        }
    }

    /// <summary>Waits before the next stream is opened, or throws what another one cannot mend.</summary>
    public Task WaitAsync(RpcException exception, CancellationToken cancellation) => backOff.WaitAsync(exception, cancellation);
}

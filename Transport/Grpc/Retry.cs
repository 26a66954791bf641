using Grpc.Core;
using Lockstep.Core.Sampling;

namespace Lockstep.Transport.Grpc;

/// <summary>Repeats calls that failed for want of a connection, with growing, jittered pauses, until cancelled.</summary>
public sealed class Retry(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    /// <exception cref="Core.Protocol.ProtocolException">The server said that the call does not fit.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellation)
    {
        BackOff? backOff = null;
        while (true)
        {
            try
            {
                return await call(cancellation);
            }
            catch (RpcException exception)
            {
                backOff ??= Begin();
                await backOff.WaitAsync(exception, cancellation);
            }
        }
    }

    /// <summary>A fresh series of pauses.</summary>
    public BackOff Begin() => new(time);

    public sealed class BackOff(TimeProvider time)
    {
        private TimeSpan _next = First;

        /// <summary>Waits before the call is repeated, or throws what a repetition cannot mend.</summary>
        public async Task WaitAsync(RpcException exception, CancellationToken cancellation)
        {
            cancellation.ThrowIfCancellationRequested();
            if (ProtocolErrors.FromRpc(exception) is { } known)
            {
                throw known;
            }

            if (exception.StatusCode is StatusCode.InvalidArgument or StatusCode.Unimplemented or StatusCode.Unauthenticated or StatusCode.PermissionDenied)
            {
                throw new InvalidOperationException($"The server refused a call: {exception.Status}", exception);
            }

            // Spread out, so that a fleet does not come back all at once.
            double jitter = 0.5 + (CounterRandom.Mix((ulong)time.GetTimestamp()) / (2.0 * ulong.MaxValue));
            await Task.Delay(_next * jitter, time, cancellation);
            _next = _next * 2 < Longest ? _next * 2 : Longest;
        }
    }
}

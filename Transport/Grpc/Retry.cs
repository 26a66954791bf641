using Grpc.Core;
using Lockstep.Core.Sampling;
using Microsoft.Extensions.Logging;

namespace Lockstep.Transport.Grpc;

/// <summary>Repeats calls that failed for want of a connection, with growing, jittered pauses, until cancelled.</summary>
/// <param name="server">Whom the calls go to, for messages.</param>
/// <param name="logger">Is told when the server goes out of reach; null: nobody is.</param>
/// <param name="leave">The caller is going: what fails from then on is not repeated, and ends as cancelled.</param>
public sealed partial class Retry(string server, TimeProvider time, ILogger? logger = null, CancellationToken leave = default)
{
    /// <summary>How often in a row, without progress in between, a call is tried whose failure may be the server's own: one that was just going down, or one that will fail for ever.</summary>
    private const int DoubtfulTries = 8;

    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);
    // What starts anew is back within a second or two: longer pauses would be the longest part of its absence.
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(400);

    /// <exception cref="Core.Protocol.ProtocolException">The server said that the call does not fit.</exception>
    /// <exception cref="InvalidOperationException">The server cannot serve the call, and repeating it will not help.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellation)
    {
        BackOff? backOff = null;
        while (true)
        {
            try
            {
                T result = await call(cancellation);
                backOff?.Succeeded();
                return result;
            }
            catch (RpcException exception)
            {
                backOff ??= Begin();
                await backOff.WaitAsync(exception, cancellation);
            }
        }
    }

    /// <summary>A fresh series of pauses.</summary>
    public BackOff Begin() => new(server, time, logger, leave);

    public sealed partial class BackOff(string server, TimeProvider time, ILogger? logger, CancellationToken leave)
    {
        private TimeSpan _next = First;
        private int _failures;
        private int _doubtful;
        // Since the last progress.
        private int _answers;

        /// <summary>The server answers, which is no progress yet: what fails after each answer is given up as what never gets one.</summary>
        public void Answered()
        {
            if (_failures > 0 && logger is not null)
            {
                LogBack(logger, server, _failures);
            }

            _failures = 0;
            _answers++;
        }

        /// <summary>The call went through, at last, or brought something new.</summary>
        public void Succeeded()
        {
            Answered();
            _next = First;
            _doubtful = 0;
            _answers = 0;
        }

        /// <summary>Waits before the call is repeated, or throws what a repetition cannot mend.</summary>
        public async Task WaitAsync(RpcException exception, CancellationToken cancellation)
        {
            cancellation.ThrowIfCancellationRequested();
            if (ProtocolErrors.FromRpc(exception) is { } known)
            {
                throw known;
            }

            // Unavailable and cancelled (not by us) come of connections; unknown and internal of a server that fails, be it that it is just going down.
            bool mayPass = exception.StatusCode switch
            {
                StatusCode.Unavailable or StatusCode.Cancelled or StatusCode.DeadlineExceeded => true,
                StatusCode.Unknown or StatusCode.Internal => ++_doubtful < DoubtfulTries,
                _ => false,
            };
            if (!mayPass)
            {
                string seen = _answers > 0 ? $"answers and then fails, {_doubtful} times without progress, at last with" : "cannot serve a call:";
                throw new InvalidOperationException($"{server} {seen} {exception.StatusCode}, {exception.Status.Detail} Its log may say more.", exception);
            }

            leave.ThrowIfCancellationRequested();
            if (_failures++ == 0 && logger is not null)
            {
                LogAway(logger, server, exception.StatusCode, exception.Status.Detail);
            }

            // Spread out, so that a fleet does not come back all at once.
            double jitter = 0.5 + (CounterRandom.Mix((ulong)time.GetTimestamp()) / (2.0 * ulong.MaxValue));
            await Task.Delay(_next * jitter, time, cancellation);
            _next = _next * 2 < Longest ? _next * 2 : Longest;
        }

        [LoggerMessage(800, LogLevel.Warning, "{Server} does not answer ({Status}: {Detail}); trying again until it does")]
        private static partial void LogAway(ILogger logger, string server, StatusCode status, string detail);

        [LoggerMessage(801, LogLevel.Information, "{Server} answers again after {Failures} failed tries")]
        private static partial void LogBack(ILogger logger, string server, int failures);
    }
}

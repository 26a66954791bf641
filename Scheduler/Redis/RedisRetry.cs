using StackExchange.Redis;

namespace Lockstep.Scheduler.Redis;

/// <summary>Repeats what failed for want of a connection, until cancelled. Only for what may be repeated.</summary>
internal static class RedisRetry
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    public static async Task<T> RunAsync<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        for (TimeSpan pause = First; ; pause = pause * 2 < Longest ? pause * 2 : Longest)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return await call().WaitAsync(cancellation);
            }
            catch (Exception exception) when (IsPassing(exception))
            {
                await Task.Delay(pause, cancellation);
            }
        }
    }

    // A server that has just started answers LOADING until its data is read.
    private static bool IsPassing(Exception exception) =>
        exception is RedisConnectionException or RedisTimeoutException || (exception is RedisServerException && exception.Message.StartsWith("LOADING", StringComparison.Ordinal));
}

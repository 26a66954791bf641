using StackExchange.Redis;

namespace Lockstep.Coordination;

/// <summary>Repeats what failed for want of a connection, until cancelled. Only for what may be repeated.</summary>
public static class RedisRetry
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    public static async Task<T> RunAsync<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        for (TimeSpan pause = First; ; pause = pause * 2 < Longest ? pause * 2 : Longest)
        {
            try
            {
                return await call().WaitAsync(cancellation);
            }
            catch (Exception exception) when (exception is RedisConnectionException or RedisTimeoutException)
            {
                await Task.Delay(pause, cancellation);
            }
        }
    }
}

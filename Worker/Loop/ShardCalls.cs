using System.Runtime.ExceptionServices;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>One call to each of several shards at once.</summary>
internal static class ShardCalls
{
    /// <summary>Waits for all answers. The first call that fails cancels the others, which may wait for what will not come any more; its exception is thrown when all have ended.</summary>
    /// <returns>In the order of <paramref name="shards"/>.</returns>
    public static async Task<T[]> AllAsync<T>(IEnumerable<IShardWork> shards, Func<IShardWork, CancellationToken, Task<T>> call, CancellationToken cancellation)
    {
        using var others = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Exception? first = null;
        Task<T[]> all = Task.WhenAll(shards.Select(OneAsync));
        await ((Task)all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (first is not null)
            ExceptionDispatchInfo.Throw(first);
        return await all;

        async Task<T> OneAsync(IShardWork shard)
        {
            try
            {
                return await call(shard, others.Token);
            }
            catch (Exception exception)
            {
                if (Interlocked.CompareExchange(ref first, exception, null) is null)
                    await others.CancelAsync();
                throw;
            }
        }
    }

    /// <inheritdoc cref="AllAsync{T}"/>
    public static Task AllAsync(IEnumerable<IShardWork> shards, Func<IShardWork, CancellationToken, Task> call, CancellationToken cancellation) =>
        AllAsync(shards, async (shard, stop) =>
        {
            await call(shard, stop);
            return true;
        }, cancellation);
}

using Lockstep.Contracts.Services;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Redis;

/// <summary>The number of workers wanted as the length of a Redis list, which is what KEDA's redis scaler reads; and what the next scheduler is to know: what a person asked for, and what the scaling policy goes by.</summary>
/// <param name="queue">As for <see cref="RedisKeys"/>.</param>
internal sealed class WantedWorkers(IConnectionMultiplexer redis, string? queue = null)
{
    private const string Script = """
        local have = redis.call('LLEN', KEYS[1])
        for _ = have + 1, tonumber(ARGV[1]) do redis.call('RPUSH', KEYS[1], 'worker') end
        if tonumber(ARGV[1]) == 0 then redis.call('DEL', KEYS[1]) elseif have > tonumber(ARGV[1]) then redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1) end
        return redis.call('LLEN', KEYS[1])
        """;

    private readonly RedisKeys _keys = new(queue);

    /// <summary>Makes the list so long.</summary>
    public async Task PublishAsync(int workers, CancellationToken cancellation) =>
        await RedisRetry.RunAsync(() => redis.GetDatabase().ScriptEvaluateAsync(Script, [_keys.WantedWorkers], [workers]), cancellation);

    /// <summary>Keeps what a person asked for; null: nothing any more.</summary>
    public async Task AskAsync(int? workers, CancellationToken cancellation) =>
        await RedisRetry.RunAsync(() => workers is { } number ? redis.GetDatabase().StringSetAsync(_keys.AskedWorkers, number) : redis.GetDatabase().KeyDeleteAsync(_keys.AskedWorkers), cancellation);

    /// <returns>What a person asked for; null: nothing.</returns>
    public async Task<int?> AskedAsync(CancellationToken cancellation)
    {
        RedisValue asked = await RedisRetry.RunAsync(() => redis.GetDatabase().StringGetAsync(_keys.AskedWorkers), cancellation);
        // What is not there parses as 0.
        return !asked.IsNull && asked.TryParse(out int workers) ? workers : null;
    }

    /// <summary>Keeps what the scaling policy goes by.</summary>
    /// <param name="memory">Text, of which nothing is known here.</param>
    public async Task RememberAsync(string memory, CancellationToken cancellation) =>
        await RedisRetry.RunAsync(() => redis.GetDatabase().StringSetAsync(_keys.ScalingMemory, memory), cancellation);

    /// <returns>What was kept; null: nothing.</returns>
    public async Task<string?> RecallAsync(CancellationToken cancellation) =>
        await RedisRetry.RunAsync(() => redis.GetDatabase().StringGetAsync(_keys.ScalingMemory), cancellation);
}

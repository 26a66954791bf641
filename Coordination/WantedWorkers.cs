using Lockstep.Contracts.Services;
using StackExchange.Redis;

namespace Lockstep.Coordination;

/// <summary>The number of workers wanted as the length of a Redis list, which is what KEDA's redis scaler reads.</summary>
/// <param name="queue">As for <see cref="JobStore"/>.</param>
public sealed class WantedWorkers(IConnectionMultiplexer redis, string? queue = null)
{
    private const string Script = """
        local have = redis.call('LLEN', KEYS[1])
        for _ = have + 1, tonumber(ARGV[1]) do redis.call('RPUSH', KEYS[1], 'worker') end
        if tonumber(ARGV[1]) == 0 then redis.call('DEL', KEYS[1]) elseif have > tonumber(ARGV[1]) then redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1) end
        return redis.call('LLEN', KEYS[1])
        """;

    /// <value>Name of the list.</value>
    public string Key { get; } = string.IsNullOrEmpty(queue) ? RedisNames.WantedWorkers : $"lockstep:{queue}:workers:wanted";

    /// <summary>Makes the list so long.</summary>
    public async Task PublishAsync(int workers, CancellationToken cancellation) =>
        await RedisRetry.RunAsync(() => redis.GetDatabase().ScriptEvaluateAsync(Script, [Key], [workers]), cancellation);

    /// <summary>Forgets the list.</summary>
    public async Task DeleteAsync(CancellationToken cancellation) =>
        await RedisRetry.RunAsync(() => redis.GetDatabase().KeyDeleteAsync(Key), cancellation);
}

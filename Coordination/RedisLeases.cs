using System.Globalization;
using Lockstep.Core.Protocol;
using StackExchange.Redis;

namespace Lockstep.Coordination;

/// <summary>The leases of one job in Redis. Each call is one script, one round trip.</summary>
public sealed class RedisLeases : ILeases
{
    private readonly IConnectionMultiplexer _redis;
    private readonly RedisKey[] _keys;
    private readonly TimeSpan _duration;
    private readonly LeaseScripts _scripts;

    /// <param name="duration">How long a lease is good for: much longer than a slot takes, as an idle worker takes over what is overdue before. Whole milliseconds; default 30 s.</param>
    public RedisLeases(IConnectionMultiplexer redis, string jobId, TimeSpan? duration = null) : this(redis, jobId, duration, LeaseScripts.ServerClock)
    {
    }

    internal RedisLeases(IConnectionMultiplexer redis, string jobId, TimeSpan? duration, LeaseScripts scripts)
    {
        _redis = redis;
        _keys = [$"lockstep:{{{jobId}}}:leases", $"lockstep:{{{jobId}}}:counters"];
        _duration = TimeSpan.FromMilliseconds((long)(duration ?? TimeSpan.FromSeconds(30)).TotalMilliseconds);
        _scripts = scripts;
    }

    private IDatabase Database => _redis.GetDatabase();

    private long DurationMs => (long)_duration.TotalMilliseconds;

    public async ValueTask<Lease?> AdvanceAsync(Cursor cursor, int slots, string workerId, CancellationToken cancellation) =>
        ToLease(await RunAsync(_scripts.Advance, cursor, workerId, [slots, DurationMs], cancellation), 0);

    public async ValueTask<Completion> CompleteAsync(Cursor cursor, int slot, string workerId, bool leaseNext, CancellationToken cancellation)
    {
        RedisResult result = await RunAsync(_scripts.Complete, cursor, workerId, [slot, leaseNext ? 1 : 0, DurationMs], cancellation);
        return new Completion((int)result[0] == 1, (int)result[1] == 1, ToLease(result, 2));
    }

    public async ValueTask PushedAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation) =>
        await RunAsync(_scripts.Pushed, cursor, "", [.. slots.Select(s => (RedisValue)s)], cancellation);

    public async ValueTask ReleaseAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation) =>
        await RunAsync(_scripts.Release, cursor, "", [.. slots.Select(s => (RedisValue)s)], cancellation);

    public async ValueTask<Lease?> TakeOverAsync(Cursor cursor, int slots, IReadOnlyList<int> missing, string workerId, int maximumLeases, CancellationToken cancellation) =>
        ToLease(await RunAsync(_scripts.TakeOver, cursor, workerId, [slots, maximumLeases, DurationMs, .. missing.Select(s => (RedisValue)s)], cancellation), 0);

    /// <summary>The slot that a worker is computing; null: it is between slots.</summary>
    public async ValueTask<(Cursor Cursor, int Slot)?> InHandAsync(string workerId, CancellationToken cancellation)
    {
        RedisResult result = await RunAsync(_scripts.InHand, default, workerId, [], cancellation);
        return result.Length == 4 ? (new Cursor((int)result[0], (long)result[1], (int)result[2]), (int)result[3]) : null;
    }

    public async ValueTask<int> FreeWorkerAsync(string workerId, bool avoids, CancellationToken cancellation) =>
        (int)await RunAsync(_scripts.FreeWorker, default, workerId, [avoids ? 1 : 0], cancellation);

    public async ValueTask<LeaseCounts> CountAsync(CancellationToken cancellation)
    {
        RedisValue[] values = await RetryAsync(() => Database.HashGetAsync(_keys[1], ["granted", "expired", "speculative"]), cancellation);
        return new LeaseCounts((long)values[0], (long)values[1], (long)values[2]);
    }

    /// <summary>Forgets the job.</summary>
    public async Task DeleteAsync(CancellationToken cancellation) => await RetryAsync(() => Database.KeyDeleteAsync(_keys), cancellation);

    private Lease? ToLease(RedisResult result, int at) => (int)result[at] < 0 ? null : new Lease((int)result[at], (int)result[at + 1] == 1, _duration);

    private Task<RedisResult> RunAsync(string script, Cursor cursor, string workerId, RedisValue[] arguments, CancellationToken cancellation)
    {
        RedisValue[] values = [cursor.Generation, cursor.Step.ToString(CultureInfo.InvariantCulture), cursor.Attempt, workerId, .. arguments];
        return RetryAsync(() => Database.ScriptEvaluateAsync(script, _keys, values), cancellation);
    }

    private static Task<T> RetryAsync<T>(Func<Task<T>> call, CancellationToken cancellation) => RedisRetry.RunAsync(call, cancellation);
}

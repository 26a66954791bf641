using System.Globalization;
using Lockstep.Core.Protocol;
using StackExchange.Redis;

namespace Lockstep.Coordination;

/// <summary>The leases of one job in Redis. Each call is one script, one round trip.</summary>
/// <param name="duration">How long a lease is good for: much longer than a slot takes, as an idle worker takes over what is overdue before.</param>
public sealed class RedisLeases(IConnectionMultiplexer redis, string jobId, TimeSpan? duration = null) : ILeases
{
    private readonly RedisKey[] _keys = [$"lockstep:{{{jobId}}}:leases", $"lockstep:{{{jobId}}}:counters"];
    private readonly TimeSpan _duration = duration ?? TimeSpan.FromSeconds(30);

    private IDatabase Database => redis.GetDatabase();

    private long DurationMs => (long)_duration.TotalMilliseconds;

    public async ValueTask<Lease?> AdvanceAsync(Cursor cursor, int slots, string workerId, CancellationToken cancellation) =>
        ToLease(await RunAsync(LeaseScripts.Advance, cursor, workerId, [slots, DurationMs], cancellation), 0);

    public async ValueTask<Completion> CompleteAsync(Cursor cursor, int slot, string workerId, bool leaseNext, CancellationToken cancellation)
    {
        RedisResult result = await RunAsync(LeaseScripts.Complete, cursor, workerId, [slot, leaseNext ? 1 : 0, DurationMs], cancellation);
        return new Completion((int)result[0] == 1, (int)result[1] == 1, ToLease(result, 2));
    }

    public async ValueTask PushedAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation) =>
        await RunAsync(LeaseScripts.Pushed, cursor, "", [.. slots.Select(s => (RedisValue)s)], cancellation);

    public async ValueTask ReleaseAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation) =>
        await RunAsync(LeaseScripts.Release, cursor, "", [.. slots.Select(s => (RedisValue)s)], cancellation);

    public async ValueTask<Lease?> TakeOverAsync(Cursor cursor, IReadOnlyList<int> missing, string workerId, int maximumLeases, CancellationToken cancellation) =>
        ToLease(await RunAsync(LeaseScripts.TakeOver, cursor, workerId, [maximumLeases, DurationMs, .. missing.Select(s => (RedisValue)s)], cancellation), 0);

    public async ValueTask<int> FreeWorkerAsync(string workerId, CancellationToken cancellation) =>
        (int)await RunAsync(LeaseScripts.FreeWorker, default, workerId, [], cancellation);

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

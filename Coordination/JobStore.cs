using System.Globalization;
using Lockstep.Contracts.Services;
using StackExchange.Redis;

namespace Lockstep.Coordination;

/// <summary>A job's record.</summary>
public sealed record JobRecord(SubmitRequest Request, JobState State, string? Error);

/// <summary>
/// Job records and the queue in Redis. Every change carries the scheduler's term, and one of an older scheduler is refused.
/// Keys: lockstep:term, lockstep:jobs (ids in order of submission; with a queue's name, lockstep:NAME:term and lockstep:NAME:jobs), lockstep:{id}:job (a hash: json, directory, resume, state, error).
/// </summary>
/// <param name="queue">Keeps the jobs of one scheduler apart from those of another on the same Redis; null or empty: the one queue there is.</param>
public sealed class JobStore(IConnectionMultiplexer redis, string? queue = null)
{
    private readonly RedisKey _termKey = string.IsNullOrEmpty(queue) ? "lockstep:term" : $"lockstep:{queue}:term";
    private readonly RedisKey _jobsKey = string.IsNullOrEmpty(queue) ? "lockstep:jobs" : $"lockstep:{queue}:jobs";

    private const string SubmitScript = """
        if redis.call('EXISTS', KEYS[2]) == 1 then
          local known = redis.call('HMGET', KEYS[2], 'json', 'directory', 'resume')
          if known[1] == ARGV[2] and known[2] == ARGV[3] and known[3] == ARGV[4] then return 0 end
          return -1
        end
        redis.call('HSET', KEYS[2], 'json', ARGV[2], 'directory', ARGV[3], 'resume', ARGV[4], 'state', ARGV[5], 'error', '')
        redis.call('RPUSH', KEYS[1], ARGV[1])
        return 1
        """;

    private const string ChangeScript = """
        local term = tonumber(redis.call('GET', KEYS[1]) or '0')
        if term > tonumber(ARGV[1]) then return -1 end
        if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
        redis.call('HSET', KEYS[2], 'state', ARGV[2], 'error', ARGV[3])
        return 1
        """;

    private long _term;

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Takes over: from now on changes by schedulers before are refused.</summary>
    public async Task BeginTermAsync(CancellationToken cancellation) =>
        _term = await RedisRetry.RunAsync(() => Database.StringIncrementAsync(_termKey), cancellation);

    /// <summary>Records a job; the same again is a no-op.</summary>
    /// <returns>False: another job has this id.</returns>
    public async Task<bool> SubmitAsync(SubmitRequest request, CancellationToken cancellation)
    {
        RedisResult result = await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(
            SubmitScript,
            [_jobsKey, Key(request.JobId)],
            [request.JobId, request.JobJson, request.RunDirectory, request.ResumeStep?.ToString(CultureInfo.InvariantCulture) ?? "", (int)JobState.Queued]), cancellation);
        return (int)result >= 0;
    }

    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task SetStateAsync(string jobId, JobState state, string? error, CancellationToken cancellation)
    {
        RedisResult result = await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(
            ChangeScript, [_termKey, Key(jobId)], [_term, (int)state, error ?? ""]), cancellation);
        if ((int)result < 0)
        {
            throw new InvalidOperationException($"Another scheduler took over; this one, of term {_term}, may not change job {jobId}.");
        }
    }

    /// <summary>All jobs in order of submission.</summary>
    public async Task<IReadOnlyList<JobRecord>> ListAsync(CancellationToken cancellation)
    {
        RedisValue[] ids = await RedisRetry.RunAsync(() => Database.ListRangeAsync(_jobsKey), cancellation);
        var records = new List<JobRecord>(ids.Length);
        foreach (RedisValue id in ids)
        {
            RedisValue[] fields = await RedisRetry.RunAsync(() => Database.HashGetAsync(Key(id.ToString()), ["json", "directory", "resume", "state", "error"]), cancellation);
            if (fields[0].IsNull)
            {
                continue;
            }

            long? resume = long.TryParse(fields[2].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : null;
            records.Add(new JobRecord(new SubmitRequest(id.ToString(), fields[0].ToString(), fields[1].ToString(), resume), (JobState)(int)fields[3], fields[4].IsNullOrEmpty ? null : fields[4].ToString()));
        }

        return records;
    }

    /// <summary>Forgets a job.</summary>
    public async Task DeleteAsync(string jobId, CancellationToken cancellation)
    {
        await RedisRetry.RunAsync(() => Database.ListRemoveAsync(_jobsKey, jobId), cancellation);
        await RedisRetry.RunAsync(() => Database.KeyDeleteAsync(Key(jobId)), cancellation);
    }

    /// <summary>Forgets the queue itself, for a launcher whose fleet is gone; its jobs are deleted one by one.</summary>
    public async Task DeleteQueueAsync(CancellationToken cancellation) =>
        await RedisRetry.RunAsync(() => Database.KeyDeleteAsync([_termKey, _jobsKey]), cancellation);

    private static string Key(string jobId) => $"lockstep:{{{jobId}}}:job";
}

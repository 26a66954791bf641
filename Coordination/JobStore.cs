using System.Globalization;
using Lockstep.Contracts.Services;
using StackExchange.Redis;

namespace Lockstep.Coordination;

/// <summary>How far a job is.</summary>
/// <param name="TotalSteps">0: not known yet.</param>
public sealed record JobProgress(long Step, long TotalSteps, long StepsPerEpoch)
{
    /// <value>Of a job that has not begun.</value>
    public static JobProgress None { get; } = new(0, 0, 0);
}

/// <summary>A job's record.</summary>
/// <param name="Progress">As of the last change of its state.</param>
public sealed record JobRecord(SubmitRequest Request, JobState State, string? Error, JobProgress Progress);

/// <summary>What Redis says of a scheduler's term.</summary>
public enum TermStatus
{
    /// <summary>It is the newest.</summary>
    Held,
    /// <summary>Redis had lost everything: the records are to be written again.</summary>
    Forgotten,
    /// <summary>Another scheduler took over.</summary>
    Superseded,
}

/// <summary>
/// Job records and the queue in Redis. Every change carries the scheduler's term, and one of an older scheduler is refused.
/// Keys: lockstep:term, lockstep:leader (while a scheduler is there), lockstep:written (the term whose scheduler knows its records to be there), lockstep:jobs (ids in order of submission; with a queue's name, lockstep:NAME:term and so on), lockstep:{id}:job (a hash: json, directory, resume, state, error, step, total, epoch).
/// </summary>
/// <param name="queue">Keeps the jobs of one scheduler apart from those of another on the same Redis; null or empty: the one queue there is.</param>
public sealed class JobStore(IConnectionMultiplexer redis, string? queue = null)
{
    private readonly RedisKey _termKey = string.IsNullOrEmpty(queue) ? "lockstep:term" : $"lockstep:{queue}:term";
    private readonly RedisKey _jobsKey = string.IsNullOrEmpty(queue) ? "lockstep:jobs" : $"lockstep:{queue}:jobs";

    /// <summary>What a script gives to a scheduler whose term is over.</summary>
    private const int Refused = -2;

    private const string SubmitScript = """
        if tonumber(redis.call('GET', KEYS[3]) or '0') > tonumber(ARGV[6]) then return -2 end
        if redis.call('EXISTS', KEYS[2]) == 1 then
          local known = redis.call('HMGET', KEYS[2], 'json', 'directory', 'resume')
          if known[1] == ARGV[2] and known[2] == ARGV[3] and known[3] == ARGV[4] then return 0 end
          return -1
        end
        redis.call('HSET', KEYS[2], 'json', ARGV[2], 'directory', ARGV[3], 'resume', ARGV[4], 'state', ARGV[5], 'error', '')
        redis.call('RPUSH', KEYS[1], ARGV[1])
        return 1
        """;

    private const string DeleteScript = """
        if ARGV[2] ~= '' and tonumber(redis.call('GET', KEYS[3]) or '0') > tonumber(ARGV[2]) then return -2 end
        redis.call('LREM', KEYS[1], 0, ARGV[1])
        redis.call('DEL', KEYS[2])
        return 1
        """;

    private const string ChangeScript = """
        local term = tonumber(redis.call('GET', KEYS[1]) or '0')
        if term > tonumber(ARGV[1]) then return -2 end
        if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
        redis.call('HSET', KEYS[2], 'state', ARGV[2], 'error', ARGV[3], 'step', ARGV[4], 'total', ARGV[5], 'epoch', ARGV[6])
        return 1
        """;

    private const string BeginScript = """
        local term = redis.call('INCR', KEYS[1])
        redis.call('SET', KEYS[2], term)
        return term
        """;

    // What was lost is told again and again until the records are said to be there: an answer may be lost too.
    private const string HoldScript = """
        local term = tonumber(redis.call('GET', KEYS[1]) or '0')
        if term > tonumber(ARGV[1]) then return -2 end
        redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
        redis.call('SET', KEYS[1], ARGV[1])
        if redis.call('GET', KEYS[3]) == ARGV[1] then return 1 end
        return 0
        """;

    private const string WrittenScript = """
        if tonumber(redis.call('GET', KEYS[1]) or '0') > tonumber(ARGV[1]) then return -2 end
        redis.call('SET', KEYS[2], ARGV[1])
        return 1
        """;

    private const string PutScript = """
        if tonumber(redis.call('GET', KEYS[3]) or '0') > tonumber(ARGV[10]) then return -2 end
        redis.call('HSET', KEYS[2], 'json', ARGV[2], 'directory', ARGV[3], 'resume', ARGV[4], 'state', ARGV[5], 'error', ARGV[6], 'step', ARGV[7], 'total', ARGV[8], 'epoch', ARGV[9])
        redis.call('LREM', KEYS[1], 0, ARGV[1])
        redis.call('RPUSH', KEYS[1], ARGV[1])
        return 1
        """;

    /// <summary>A scheduler that has not been heard of for so long is gone.</summary>
    private static readonly TimeSpan LeaderPatience = TimeSpan.FromSeconds(5);

    private readonly RedisKey _leaderKey = string.IsNullOrEmpty(queue) ? "lockstep:leader" : $"lockstep:{queue}:leader";
    private readonly RedisKey _writtenKey = string.IsNullOrEmpty(queue) ? "lockstep:written" : $"lockstep:{queue}:written";
    private volatile TaskCompletionSource<long> _term = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Takes over: from now on changes by schedulers before are refused. Changes wait for it.</summary>
    public async Task BeginTermAsync(CancellationToken cancellation) =>
        _term.SetResult((long)await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(BeginScript, [_termKey, _writtenKey]), cancellation));

    /// <summary>This scheduler's term; waits for <see cref="BeginTermAsync"/>.</summary>
    public Task<long> TermAsync(CancellationToken cancellation) => _term.Task.WaitAsync(cancellation);

    /// <summary>Says that this scheduler is there, and finds out whether its term is still the newest; Forgotten until <see cref="RewrittenAsync"/>.</summary>
    public async Task<TermStatus> HoldAsync(CancellationToken cancellation)
    {
        long term = await TermAsync(cancellation);
        return (int)await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(HoldScript, [_termKey, _leaderKey, _writtenKey], [term, (long)LeaderPatience.TotalMilliseconds]), cancellation) switch
        {
            1 => TermStatus.Held,
            0 => TermStatus.Forgotten,
            _ => TermStatus.Superseded,
        };
    }

    /// <summary>Says that all records are there again. Nothing where a newer scheduler took over.</summary>
    public async Task RewrittenAsync(CancellationToken cancellation)
    {
        long term = await TermAsync(cancellation);
        await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(WrittenScript, [_termKey, _writtenKey], [term]), cancellation);
    }

    /// <summary>Gives the term up: changes wait for the next <see cref="BeginTermAsync"/>.</summary>
    public void EndTerm() => _term = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Waits until no other scheduler is there.</summary>
    public async Task WaitVacantAsync(TimeProvider time, CancellationToken cancellation)
    {
        while (await RedisRetry.RunAsync(() => Database.KeyExistsAsync(_leaderKey), cancellation))
        {
            await Task.Delay(LeaderPatience / 5, time, cancellation);
        }
    }

    /// <summary>Writes a record as a whole, as Redis lost it.</summary>
    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task PutAsync(JobRecord record, CancellationToken cancellation)
    {
        SubmitRequest request = record.Request;
        await ChangeAsync(
            PutScript,
            [_jobsKey, Key(request.JobId), _termKey],
            [request.JobId, request.JobJson, request.RunDirectory, request.ResumeStep?.ToString(CultureInfo.InvariantCulture) ?? "", (int)record.State, record.Error ?? "",
                record.Progress.Step, record.Progress.TotalSteps, record.Progress.StepsPerEpoch, await TermAsync(cancellation)],
            request.JobId,
            cancellation);
    }

    /// <summary>Records a job; the same again is a no-op.</summary>
    /// <returns>False: another job has this id.</returns>
    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task<bool> SubmitAsync(SubmitRequest request, CancellationToken cancellation)
    {
        long term = await _term.Task.WaitAsync(cancellation);
        return await ChangeAsync(
            SubmitScript,
            [_jobsKey, Key(request.JobId), _termKey],
            [request.JobId, request.JobJson, request.RunDirectory, request.ResumeStep?.ToString(CultureInfo.InvariantCulture) ?? "", (int)JobState.Queued, term],
            request.JobId,
            cancellation) >= 0;
    }

    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task SetStateAsync(string jobId, JobState state, string? error, JobProgress progress, CancellationToken cancellation)
    {
        long term = await _term.Task.WaitAsync(cancellation);
        await ChangeAsync(ChangeScript, [_termKey, Key(jobId)], [term, (int)state, error ?? "", progress.Step, progress.TotalSteps, progress.StepsPerEpoch], jobId, cancellation);
    }

    /// <summary>All jobs in order of submission.</summary>
    public async Task<IReadOnlyList<JobRecord>> ListAsync(CancellationToken cancellation)
    {
        RedisValue[] ids = await RedisRetry.RunAsync(() => Database.ListRangeAsync(_jobsKey), cancellation);
        var records = new List<JobRecord>(ids.Length);
        foreach (RedisValue id in ids)
        {
            if (await FindAsync(id.ToString(), cancellation) is { } record)
            {
                records.Add(record);
            }
        }

        return records;
    }

    /// <returns>Null: there is no such job.</returns>
    public async Task<JobRecord?> FindAsync(string jobId, CancellationToken cancellation)
    {
        RedisValue[] fields = await RedisRetry.RunAsync(() => Database.HashGetAsync(Key(jobId), ["json", "directory", "resume", "state", "error", "step", "total", "epoch"]), cancellation);
        if (fields[0].IsNull)
        {
            return null;
        }

        long? resume = long.TryParse(fields[2].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : null;
        return new JobRecord(new SubmitRequest(jobId, fields[0].ToString(), fields[1].ToString(), resume), (JobState)(int)fields[3], fields[4].IsNullOrEmpty ? null : fields[4].ToString(),
            new JobProgress((long)fields[5], (long)fields[6], (long)fields[7]));
    }

    /// <summary>Forgets a job. A launcher whose fleet is gone may do so without a term.</summary>
    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task DeleteAsync(string jobId, CancellationToken cancellation)
    {
        RedisValue term = _term.Task.IsCompletedSuccessfully ? await _term.Task : "";
        await ChangeAsync(DeleteScript, [_jobsKey, Key(jobId), _termKey], [jobId, term], jobId, cancellation);
    }

    /// <summary>Forgets the queue itself, for a launcher whose fleet is gone; its jobs are deleted one by one.</summary>
    public async Task DeleteQueueAsync(CancellationToken cancellation) =>
        await RedisRetry.RunAsync(() => Database.KeyDeleteAsync([_termKey, _jobsKey, _leaderKey, _writtenKey]), cancellation);

    private async Task<int> ChangeAsync(string script, RedisKey[] keys, RedisValue[] values, string jobId, CancellationToken cancellation)
    {
        var result = (int)await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(script, keys, values), cancellation);
        return result != Refused ? result : throw new InvalidOperationException($"Another scheduler took over; this one, of term {await _term.Task}, may not change job {jobId}.");
    }

    private static string Key(string jobId) => $"lockstep:{{{jobId}}}:job";
}

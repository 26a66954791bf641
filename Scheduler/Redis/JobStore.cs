using System.Globalization;
using Lockstep.Contracts.Services;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Redis;

/// <summary>How far a job is.</summary>
/// <param name="TotalSteps">0: not known yet.</param>
internal sealed record JobProgress(long Step, long TotalSteps, long StepsPerEpoch)
{
    /// <value>Of a job that has not begun.</value>
    public static JobProgress None { get; } = new(0, 0, 0);
}

/// <summary>A job's record.</summary>
/// <param name="Progress">As of the last change of its state.</param>
/// <param name="Cause">What the error comes of; null: there is none, or it is not known.</param>
internal sealed record JobRecord(SubmitRequest Request, JobState State, string? Error, JobProgress Progress, FailureCause? Cause = null);

/// <summary>What Redis says of a scheduler's term.</summary>
internal enum TermStatus
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
/// A record is a hash: json, directory, resume, state, error, cause, step, total, epoch.
/// </summary>
/// <param name="queue">As for <see cref="RedisKeys"/>.</param>
internal sealed class JobStore(IConnectionMultiplexer redis, string? queue = null)
{
    /// <summary>What a script gives to a scheduler whose term is over.</summary>
    private const int Refused = -2;

    // KEYS and ARGV 1 and 2: the term, who is in charge of it. Equal terms of two schedulers come about where Redis loses its last record: the one that took over last is in charge.
    private const string Guard = """
        local term = tonumber(redis.call('GET', KEYS[1]) or '0')
        local owner = redis.call('GET', KEYS[2])
        if term > tonumber(ARGV[1]) or (owner and owner ~= ARGV[2] and string.match(owner, '^%d+') == ARGV[1]) then return -2 end

        """;

    private const string SubmitScript = Guard + """
        if redis.call('EXISTS', KEYS[4]) == 1 then
          local known = redis.call('HMGET', KEYS[4], 'json', 'directory', 'resume')
          if known[1] == ARGV[4] and known[2] == ARGV[5] and known[3] == ARGV[6] then return 0 end
          return -1
        end
        redis.call('HSET', KEYS[4], 'json', ARGV[4], 'directory', ARGV[5], 'resume', ARGV[6], 'state', ARGV[7], 'error', '', 'cause', '')
        redis.call('RPUSH', KEYS[3], ARGV[3])
        return 1
        """;

    private const string DeleteScript = Guard + """
        redis.call('LREM', KEYS[3], 0, ARGV[3])
        redis.call('DEL', KEYS[4])
        return 1
        """;

    private const string ChangeScript = Guard + """
        if redis.call('EXISTS', KEYS[4]) == 0 then return 0 end
        redis.call('HSET', KEYS[4], 'state', ARGV[4], 'error', ARGV[5], 'cause', ARGV[6], 'step', ARGV[7], 'total', ARGV[8], 'epoch', ARGV[9])
        return 1
        """;

    private const string ProgressScript = Guard + """
        if redis.call('HGET', KEYS[4], 'state') ~= ARGV[4] then return 0 end
        redis.call('HSET', KEYS[4], 'step', ARGV[5], 'total', ARGV[6], 'epoch', ARGV[7])
        return 1
        """;

    private const string BeginScript = """
        local term = redis.call('INCR', KEYS[1])
        redis.call('SET', KEYS[2], term .. ':' .. ARGV[1])
        return term
        """;

    // What was lost is told again and again until the records are said to be there: an answer may be lost too.
    private const string HoldScript = Guard + """
        redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[3])
        redis.call('SET', KEYS[1], ARGV[1])
        if owner == ARGV[2] then return 1 end
        return 0
        """;

    private const string WrittenScript = Guard + """
        redis.call('SET', KEYS[2], ARGV[2])
        return 1
        """;

    private const string PutScript = Guard + """
        redis.call('HSET', KEYS[4], 'json', ARGV[4], 'directory', ARGV[5], 'resume', ARGV[6], 'state', ARGV[7], 'error', ARGV[8], 'cause', ARGV[9], 'step', ARGV[10], 'total', ARGV[11], 'epoch', ARGV[12])
        redis.call('LREM', KEYS[3], 0, ARGV[3])
        redis.call('RPUSH', KEYS[3], ARGV[3])
        return 1
        """;

    /// <summary>A scheduler that has not been heard of for so long is gone.</summary>
    private static readonly TimeSpan LeaderPatience = TimeSpan.FromSeconds(5);

    private readonly RedisKeys _keys = new(queue);
    private readonly string _id = Guid.NewGuid().ToString("n");
    private volatile TaskCompletionSource<long> _term = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Takes over: from now on changes by schedulers before are refused. Changes wait for it.</summary>
    public async Task BeginTermAsync(CancellationToken cancellation) =>
        _term.SetResult((long)await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(BeginScript, [_keys.Term, _keys.Written], [_id]), cancellation));

    /// <summary>This scheduler's term; waits for <see cref="BeginTermAsync"/>.</summary>
    public Task<long> TermAsync(CancellationToken cancellation) => _term.Task.WaitAsync(cancellation);

    /// <summary>Says that this scheduler is there, and finds out whether its term is still the newest; Forgotten until <see cref="RewrittenAsync"/>.</summary>
    public async Task<TermStatus> HoldAsync(CancellationToken cancellation)
    {
        long term = await TermAsync(cancellation);
        return (int)await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(HoldScript, [_keys.Term, _keys.Written, _keys.Leader], [term, Owner(term), (long)LeaderPatience.TotalMilliseconds]), cancellation) switch
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
        await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(WrittenScript, [_keys.Term, _keys.Written], [term, Owner(term)]), cancellation);
    }

    /// <summary>Gives the term up: changes wait for the next <see cref="BeginTermAsync"/>.</summary>
    public void EndTerm() => _term = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether no scheduler has been there of late.</summary>
    public async Task<bool> IsVacantAsync(CancellationToken cancellation) => !await RedisRetry.RunAsync(() => Database.KeyExistsAsync(_keys.Leader), cancellation);

    /// <summary>Waits until no other scheduler is there.</summary>
    public async Task WaitVacantAsync(TimeProvider time, CancellationToken cancellation)
    {
        while (!await IsVacantAsync(cancellation))
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
            request.JobId,
            [request.JobJson, request.RunDirectory, Resume(request), (int)record.State, record.Error ?? "", Cause(record.Cause), record.Progress.Step, record.Progress.TotalSteps, record.Progress.StepsPerEpoch],
            cancellation);
    }

    /// <summary>Records a job; the same again is a no-op.</summary>
    /// <returns>False: another job has this id.</returns>
    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task<bool> SubmitAsync(SubmitRequest request, CancellationToken cancellation)
    {
        return await ChangeAsync(SubmitScript, request.JobId, [request.JobJson, request.RunDirectory, Resume(request), (int)JobState.Queued], cancellation) >= 0;
    }

    /// <param name="error">Why the job failed; null: it did not.</param>
    /// <param name="cause">What the error comes of; null: there is none, or it is not known.</param>
    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task SetStateAsync(string jobId, JobState state, string? error, FailureCause? cause, JobProgress progress, CancellationToken cancellation)
    {
        await ChangeAsync(ChangeScript, jobId, [(int)state, error ?? "", Cause(cause), progress.Step, progress.TotalSteps, progress.StepsPerEpoch], cancellation);
    }

    /// <summary>Keeps how far a running job is; nothing where it runs no more, as its end has told that.</summary>
    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task SetProgressAsync(string jobId, JobProgress progress, CancellationToken cancellation) =>
        await ChangeAsync(ProgressScript, jobId, [(int)JobState.Running, progress.Step, progress.TotalSteps, progress.StepsPerEpoch], cancellation);

    /// <summary>All jobs in order of submission.</summary>
    public async Task<IReadOnlyList<JobRecord>> ListAsync(CancellationToken cancellation)
    {
        RedisValue[] ids = await RedisRetry.RunAsync(() => Database.ListRangeAsync(_keys.Jobs), cancellation);
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
        RedisValue[] fields = await RedisRetry.RunAsync(() => Database.HashGetAsync(RedisKeys.Job(jobId), ["json", "directory", "resume", "state", "error", "step", "total", "epoch", "cause"]), cancellation);
        if (fields[0].IsNull)
        {
            return null;
        }

        long? resume = long.TryParse(fields[2].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : null;
        var request = new SubmitRequest(jobId, fields[0].ToString(), fields[1].ToString(), resume);
        var progress = new JobProgress(Count(fields[5]), Count(fields[6]), Count(fields[7]));
        // Others may have written here too.
        return fields[3].TryParse(out int state) && Enum.IsDefined((JobState)state)
            ? new JobRecord(request, (JobState)state, fields[4].IsNullOrEmpty ? null : fields[4].ToString(), progress, fields[8].TryParse(out int cause) && Enum.IsDefined((FailureCause)cause) ? (FailureCause)cause : null)
            : new JobRecord(request, JobState.Failed, "Its record in Redis says nothing of its state. Submit it again under another id.", progress);

        static long Count(RedisValue field) => field.TryParse(out long count) ? Math.Max(0, count) : 0;
    }

    /// <summary>Forgets a job.</summary>
    /// <exception cref="InvalidOperationException">A newer scheduler took over.</exception>
    public async Task DeleteAsync(string jobId, CancellationToken cancellation) => await ChangeAsync(DeleteScript, jobId, [], cancellation);

    /// <summary>Runs a script that begins with the guard.</summary>
    /// <param name="values">What comes after the term, its owner and the job.</param>
    private async Task<int> ChangeAsync(string script, string jobId, RedisValue[] values, CancellationToken cancellation)
    {
        long term = await TermAsync(cancellation);
        RedisValue[] all = [term, Owner(term), jobId, .. values];
        var result = (int)await RedisRetry.RunAsync(() => Database.ScriptEvaluateAsync(script, Keys(jobId), all), cancellation);
        return result != Refused ? result : throw new InvalidOperationException($"Another scheduler took over; this one, of term {term}, may not change job {jobId}.");
    }

    private RedisKey[] Keys(string jobId) => [_keys.Term, _keys.Written, _keys.Jobs, RedisKeys.Job(jobId)];

    /// <summary>As the scripts write it.</summary>
    private string Owner(long term) => string.Create(CultureInfo.InvariantCulture, $"{term}:{_id}");

    private static RedisValue Cause(FailureCause? cause) => cause is { } known ? (int)known : "";

    private static string Resume(SubmitRequest request) => request.ResumeStep?.ToString(CultureInfo.InvariantCulture) ?? "";
}

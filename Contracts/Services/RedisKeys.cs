namespace Lockstep.Contracts.Services;

/// <summary>Keys in Redis of one scheduler's queue. The scheduler alone writes them; scalers of a platform (KEDA) read one, and a launcher whose fleet is gone deletes them.</summary>
/// <param name="queue">Keeps the jobs of one scheduler apart from those of another on the same Redis; null or empty: the one queue there is.</param>
public sealed class RedisKeys(string? queue = null)
{
    private readonly string _prefix = string.IsNullOrEmpty(queue) ? "lockstep" : $"lockstep:{queue}";

    /// <value>The newest scheduler's.</value>
    public string Term => $"{_prefix}:term";

    /// <value>There while a scheduler is.</value>
    public string Leader => $"{_prefix}:leader";

    /// <value>The term, and the scheduler of it, that knows its records to be there.</value>
    public string Written => $"{_prefix}:written";

    /// <value>Ids in order of submission.</value>
    public string Jobs => $"{_prefix}:jobs";

    /// <value>A list whose length is the number of workers wanted now.</value>
    public string WantedWorkers => $"{_prefix}:workers:wanted";

    /// <value>How many workers a person asked for.</value>
    public string AskedWorkers => $"{WantedWorkers}:asked";

    /// <value>What the scaling policy goes by.</value>
    public string ScalingMemory => $"{WantedWorkers}:memory";

    /// <summary>The record of a job: a hash.</summary>
    public static string Job(string jobId) => $"lockstep:{{{jobId}}}:job";

    /// <summary>All but the records of jobs.</summary>
    public IReadOnlyList<string> All() => [Term, Leader, Written, Jobs, WantedWorkers, AskedWorkers, ScalingMemory];
}

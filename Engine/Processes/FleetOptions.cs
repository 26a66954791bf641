namespace Lockstep.Engine.Processes;

/// <summary>What a fleet on this machine consists of.</summary>
public sealed record FleetOptions
{
    public required ServiceLocator Services { get; init; }
    /// <value>Folder of the logs, one file a process.</value>
    public required string LogDirectory { get; init; }
    /// <value>Parameter servers.</value>
    public required int Shards { get; init; }
    public required int Workers { get; init; }
    /// <value>Connection to a Redis that is there; null: one is started.</value>
    public string? Redis { get; init; }
    /// <value>Assembly that serves Redis when called with <c>redis-server --port N</c>.</value>
    public required string RedisServerAssembly { get; init; }
    /// <value>Name that keeps the queue apart from that of other fleets on the same Redis.</value>
    public required string Queue { get; init; }
    /// <value>Whether the scheduler decides how many workers a job gets; false: every job may have all.</value>
    public bool AutoScale { get; init; }
    /// <value>Port of the scheduler's HTTP API; null: any free one.</value>
    public int? SchedulerPort { get; init; }
    /// <value>More environment for every process.</value>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
    /// <value>Is told when a process starts, ends or is given up.</value>
    public IProgress<FleetEvent>? Events { get; init; }
    /// <value>What the scheduler's HTTP API asks of its callers; null: it serves this machine's programs without.</value>
    public string? ApiKey { get; init; }
    /// <value>How long all may take until they are ready, however they get on.</value>
    public TimeSpan StartLimit { get; init; } = Processes.StartLimit.Default;
    /// <value>How long processes may take to end by themselves.</value>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(8);
}

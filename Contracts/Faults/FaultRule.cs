namespace Lockstep.Contracts.Faults;

/// <summary>Which process a fault befalls.</summary>
public enum FaultRole
{
    Worker = 1,
    Shard = 2,
    Scheduler = 3,
    Redis = 4,
    /// <summary>None that is there.</summary>
    Fleet = 5,
}

/// <summary>What belongs to a kind of fault.</summary>
/// <param name="Duration">Seconds that it lasts unless said otherwise; null: it is over at once.</param>
/// <param name="Share">Fraction of the calls that meet it unless said otherwise; null: it does not go by calls.</param>
/// <param name="IsInside">The process does it to itself (see <see cref="FaultFolder"/>); otherwise it is done from outside.</param>
public sealed record FaultRule(FaultRole Role, double? Duration, double? Share, bool IsInside)
{
    private const double UsualShare = 0.1;

    private static readonly IReadOnlyDictionary<FaultKind, FaultRule> Rules = new Dictionary<FaultKind, FaultRule>
    {
        [FaultKind.Kill] = new(FaultRole.Worker, null, null, false),
        [FaultKind.Stop] = new(FaultRole.Worker, 5, null, false),
        [FaultKind.Drain] = new(FaultRole.Worker, null, null, false),
        [FaultKind.Add] = new(FaultRole.Fleet, null, null, false),
        [FaultKind.Slow] = new(FaultRole.Worker, 10, null, false),
        [FaultKind.KillShard] = new(FaultRole.Shard, null, null, false),
        [FaultKind.StopShard] = new(FaultRole.Shard, 5, null, false),
        [FaultKind.KillScheduler] = new(FaultRole.Scheduler, null, null, false),
        [FaultKind.RestartRedis] = new(FaultRole.Redis, null, null, false),
        [FaultKind.EmptyRedis] = new(FaultRole.Redis, null, null, false),
        [FaultKind.Exception] = new(FaultRole.Worker, null, null, true),
        [FaultKind.NaN] = new(FaultRole.Worker, null, null, true),
        [FaultKind.FillDisk] = new(FaultRole.Shard, 10, null, true),
        [FaultKind.Drop] = new(FaultRole.Worker, 10, UsualShare, true),
        [FaultKind.Duplicate] = new(FaultRole.Worker, 10, UsualShare, true),
        [FaultKind.Delay] = new(FaultRole.Worker, 10, UsualShare, true),
        [FaultKind.Reorder] = new(FaultRole.Worker, 10, UsualShare, true),
        [FaultKind.Partition] = new(FaultRole.Worker, 5, null, true),
        [FaultKind.Scale] = new(FaultRole.Fleet, null, null, false),
    };

    public static FaultRule Of(FaultKind kind) => Rules[kind];

    /// <value>Faults between a worker and the shards.</value>
    public static bool IsOfMessages(FaultKind kind) => kind is FaultKind.Drop or FaultKind.Duplicate or FaultKind.Delay or FaultKind.Reorder or FaultKind.Partition;

    /// <value>A process may meet these at a phase of a step.</value>
    public static bool HasPhases(FaultKind kind) => kind is FaultKind.Kill or FaultKind.Drain or FaultKind.Exception or FaultKind.KillShard;

    /// <summary>Whether a phase is one that the kind's processes come to.</summary>
    public static bool HasPhase(FaultKind kind, FaultPhase phase) => HasPhases(kind) && (kind == FaultKind.KillShard) == (phase is FaultPhase.Update or FaultPhase.Turn or FaultPhase.Announce);
}

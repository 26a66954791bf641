namespace Lockstep.Core.Protocol;

/// <summary>How a shard stands with one job. Costs nothing to ask.</summary>
public sealed record ShardStatus
{
    /// <value>Of the process: another one than before means that it was started anew and that all it held is lost.</value>
    public required string Incarnation { get; init; }

    /// <value>False: the shard knows nothing of the job, and nothing below is told.</value>
    public bool Hosted { get; init; }

    public Cursor Cursor { get; init; }

    /// <value>It waits for initial values.</value>
    public bool NeedsValues { get; init; }

    /// <value>The highest term that restored it; 0: it was never restored.</value>
    public long Term { get; init; }

    /// <value>ps-0 only: the newest version of which it knows that a whole set is on disk; null: none yet.</value>
    public long? DurableVersion { get; init; }

    /// <value>Why the last checkpoint is not on disk yet, while that is tried again; null: nothing stands in its way.</value>
    public string? FinalCheckpointFailure { get; init; }

    /// <value>Why the job cannot go on here; null: it can.</value>
    public string? Failure { get; init; }

    /// <value>The kind of <see cref="Failure"/>; null: it can go on, or it failed for another reason than the protocol's.</value>
    public ProtocolError? Error { get; init; }
}

/// <summary>Whether a shard's process can be reached, as it changes.</summary>
/// <param name="Incarnation">Of the process that was reached last.</param>
public sealed record ShardPresence(bool IsReachable, string Incarnation);

/// <summary>What a shard finds on the disk for a job, hosted or not.</summary>
/// <param name="Versions">Of the whole sets that it can see, ascending.</param>
/// <param name="Generation">The highest one of which there is a trace; a restoration takes a higher one.</param>
public sealed record CheckpointInventory(IReadOnlyList<long> Versions, int Generation);

/// <summary>A shard's part of a checkpoint is on disk, or could not be written.</summary>
/// <param name="Sha256">Hexadecimal, of the part's file; null: it could not be written.</param>
/// <param name="Failure">Why not; null: it was written.</param>
/// <param name="WriteMs">Milliseconds that writing took, training going on meanwhile.</param>
public sealed record CheckpointNotice(int Generation, long Version, int Shard, string? Sha256, string? Failure, double WriteMs);

namespace Lockstep.Core.Protocol;

/// <summary>A worker's right to compute a slot. A hint only: the shards' bitmaps decide.</summary>
/// <param name="Contested">The slot was leased before in this attempt: push it alone.</param>
public readonly record struct Lease(int Slot, bool Contested, TimeSpan Duration);

/// <param name="MayJoinGroup">No second lease on the completed slot was ever granted in this attempt.</param>
/// <param name="Stale">The job is past the cursor; drop the group and pull.</param>
public readonly record struct Completion(bool MayJoinGroup, bool Stale, Lease? Next);

/// <summary>The leases of one job. Each call is one atomic script.</summary>
public interface ILeases
{
    /// <summary>Moves the job to <paramref name="cursor"/> where it is before it (all of its slots free again), then leases a free slot, lowest first, but those that this worker avoids last. Null: none is free, or the job is past the cursor.</summary>
    /// <param name="slots">Slots at this cursor: M, or the evaluation's.</param>
    ValueTask<Lease?> AdvanceAsync(Cursor cursor, int slots, string workerId, CancellationToken cancellation);

    /// <summary>Completes a slot and leases the next.</summary>
    /// <param name="leaseNext">False: complete only.</param>
    ValueTask<Completion> CompleteAsync(Cursor cursor, int slot, string workerId, bool leaseNext, CancellationToken cancellation);

    /// <summary>The shards have these slots: they are not leased again.</summary>
    ValueTask PushedAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation);

    /// <summary>Makes slots contested and free, whoever has them, and avoids them then: the worker hands them back, or they were refused.</summary>
    ValueTask ReleaseAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation);

    /// <summary>
    /// An idle worker takes over one of the <paramref name="missing"/> slots: one without a live lease, one that this worker itself had and lost, or one that is overdue (1.5 times the usual slot time since it was leased or, once completed, since then;
    /// nothing is before a first slot was completed) while fewer than <paramref name="maximumLeases"/> were granted on it at once. One that was leased before is contested for good. Moves the job to <paramref name="cursor"/> where it is before it, as a table that was emptied is.
    /// </summary>
    /// <param name="slots">Slots at this cursor: M, or the evaluation's.</param>
    ValueTask<Lease?> TakeOverAsync(Cursor cursor, int slots, IReadOnlyList<int> missing, string workerId, int maximumLeases, CancellationToken cancellation);

    /// <summary>A worker is gone, or could not do it: what it leased or completed and no shard confirmed becomes contested and free.</summary>
    /// <param name="avoids">It gets these slots again only where nothing else is free: what went wrong with it may go well elsewhere.</param>
    ValueTask<int> FreeWorkerAsync(string workerId, bool avoids, CancellationToken cancellation);

    /// <summary>Counts since the job began: granted, expired, speculative.</summary>
    ValueTask<LeaseCounts> CountAsync(CancellationToken cancellation);
}

public readonly record struct LeaseCounts(long Granted, long Expired, long Speculative);

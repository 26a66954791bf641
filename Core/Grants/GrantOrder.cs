using Lockstep.Core.Protocol;

namespace Lockstep.Core.Grants;

/// <summary>What the coordinator tells the worker at the other end of a stream about who computes what.</summary>
/// <param name="Session">Of the stream.</param>
/// <param name="Cursor">Attempt 0: slots of the step; <see cref="Cursor.Evaluation"/>: slots of the evaluation.</param>
/// <param name="Number">Of a grant, growing from grant to grant of the job; 0: the slots are revoked.</param>
public readonly record struct GrantOrder(long Session, Cursor Cursor, IReadOnlyList<int> Slots, long Number)
{
    public bool IsRevoke => Number == 0;
}

/// <summary>A worker's stream ended while slots were granted to it that it had not contributed.</summary>
/// <param name="Slot">The first of them: what the worker had in hand.</param>
/// <param name="Freed">How many.</param>
public readonly record struct AbandonedSlots(Cursor Cursor, int Slot, int Freed);

/// <summary>Counts since the job was opened at this process.</summary>
/// <param name="Granted">Slots granted.</param>
/// <param name="Repeated">Of these, slots that another worker, or the same, had been granted before.</param>
/// <param name="Revoked">Slots taken back from a worker that had not begun them.</param>
public readonly record struct GrantCounts(long Granted, long Repeated, long Revoked);

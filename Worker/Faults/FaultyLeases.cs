using Lockstep.Contracts.Faults;
using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Faults;

/// <summary>Leases whose worker ends before or after it says that a slot is completed, where that is asked for.</summary>
internal sealed class FaultyLeases(ILeases inner, WorkerFaults faults) : ILeases
{
    public ValueTask<Lease?> AdvanceAsync(Cursor cursor, int slots, string workerId, CancellationToken cancellation) => inner.AdvanceAsync(cursor, slots, workerId, cancellation);

    public async ValueTask<Completion> CompleteAsync(Cursor cursor, int slot, string workerId, bool leaseNext, CancellationToken cancellation)
    {
        if (cursor.Attempt == Cursor.Evaluation)
        {
            return await inner.CompleteAsync(cursor, slot, workerId, leaseNext, cancellation);
        }

        faults.Reach(FaultPhase.Complete, cursor.Step);
        Completion completion = await inner.CompleteAsync(cursor, slot, workerId, leaseNext, cancellation);
        faults.Reach(FaultPhase.Encode, cursor.Step);
        return completion;
    }

    public ValueTask PushedAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation) => inner.PushedAsync(cursor, slots, cancellation);

    public ValueTask ReleaseAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation) => inner.ReleaseAsync(cursor, slots, cancellation);

    public ValueTask<Lease?> TakeOverAsync(Cursor cursor, int slots, IReadOnlyList<int> missing, string workerId, int maximumLeases, CancellationToken cancellation) =>
        inner.TakeOverAsync(cursor, slots, missing, workerId, maximumLeases, cancellation);

    public ValueTask<int> FreeWorkerAsync(string workerId, bool avoids, CancellationToken cancellation) => inner.FreeWorkerAsync(workerId, avoids, cancellation);

    public ValueTask<LeaseCounts> CountAsync(CancellationToken cancellation) => inner.CountAsync(cancellation);
}

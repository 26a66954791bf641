using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>A worker's way to the lease table, message by message.</summary>
internal sealed class WiredLeases(ILeases leases, string worker, IWire wire) : ILeases
{
    public ValueTask<Lease?> AdvanceAsync(Cursor cursor, int slots, string workerId, CancellationToken cancellation) =>
        CallAsync(MessageKind.Advance, cursor, () => leases.AdvanceAsync(cursor, slots, workerId, cancellation), cancellation);

    public ValueTask<Completion> CompleteAsync(Cursor cursor, int slot, string workerId, bool leaseNext, CancellationToken cancellation) =>
        CallAsync(MessageKind.Complete, cursor, () => leases.CompleteAsync(cursor, slot, workerId, leaseNext, cancellation), cancellation, slot);

    public async ValueTask PushedAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation) =>
        await CallAsync(MessageKind.Pushed, cursor, () => Done(leases.PushedAsync(cursor, slots, cancellation)), cancellation);

    public async ValueTask ReleaseAsync(Cursor cursor, IReadOnlyList<int> slots, CancellationToken cancellation) =>
        await CallAsync(MessageKind.Release, cursor, () => Done(leases.ReleaseAsync(cursor, slots, cancellation)), cancellation);

    public ValueTask<Lease?> TakeOverAsync(Cursor cursor, int slots, IReadOnlyList<int> missing, string workerId, int maximumLeases, CancellationToken cancellation) =>
        CallAsync(MessageKind.TakeOver, cursor, () => leases.TakeOverAsync(cursor, slots, missing, workerId, maximumLeases, cancellation), cancellation);

    public ValueTask<int> FreeWorkerAsync(string workerId, bool avoids, CancellationToken cancellation) => leases.FreeWorkerAsync(workerId, avoids, cancellation);

    public ValueTask<LeaseCounts> CountAsync(CancellationToken cancellation) => leases.CountAsync(cancellation);

    private async ValueTask<T> CallAsync<T>(MessageKind kind, Cursor cursor, Func<ValueTask<T>> call, CancellationToken cancellation, params int[] slots)
    {
        var message = new Message(kind, worker, -1, cursor, slots);
        await wire.BeforeAsync(message, cancellation);
        cancellation.ThrowIfCancellationRequested();
        T result = await call();
        await wire.AfterAsync(message, cancellation);
        return result;
    }

    private static async ValueTask<bool> Done(ValueTask task)
    {
        await task;
        return true;
    }
}

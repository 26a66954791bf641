using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Loop;

/// <summary>What a worker has of the step or evaluation it is at: slots that it leased and no shard has yet, and slots that the shards have while the lease table does not know.</summary>
/// <remarks>The table is told only where it matters, when the step lasts or the worker leaves, so that a step costs no round trip for it.</remarks>
internal sealed class SlotsInHand(ILeases leases, string jobId, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan LeaveTimeout = TimeSpan.FromSeconds(2);

    // Each at most the slots of the step or evaluation.
    private readonly SortedSet<int> _leased = [];
    private readonly SortedSet<int> _pushed = [];
    private Cursor _cursor;

    public void Leased(Cursor cursor, int slot)
    {
        if (cursor != _cursor)
        {
            Forget();
            _cursor = cursor;
        }

        _leased.Add(slot);
    }

    /// <summary>The slots are no longer in this worker's hand.</summary>
    /// <param name="held">Those of them that are in at every shard.</param>
    public void Pushed(IReadOnlyList<int> slots, IReadOnlyList<int> held)
    {
        _leased.ExceptWith(slots);
        _pushed.UnionWith(held);
    }

    /// <summary>The step is over: nobody wants to know of these slots.</summary>
    public void Forget()
    {
        _leased.Clear();
        _pushed.Clear();
    }

    /// <summary>Says which slots are at the shards, so that they are not leased again where this worker should vanish or its leases run out.</summary>
    public async ValueTask ConfirmAsync(CancellationToken cancellation)
    {
        if (_pushed.Count == 0)
            return;
        await leases.PushedAsync(_cursor, [.. _pushed], cancellation);
        _pushed.Clear();
    }

    /// <summary>Hands back what was leased.</summary>
    public async ValueTask ReleaseAsync(CancellationToken cancellation)
    {
        if (_leased.Count == 0)
            return;
        await leases.ReleaseAsync(_cursor, [.. _leased], cancellation);
        _leased.Clear();
    }

    /// <summary>Hands back what was leased, if the lease table can be reached soon. Never throws.</summary>
    public async Task LeaveAsync()
    {
        try
        {
            using var patience = new CancellationTokenSource(LeaveTimeout, time);
            await ReleaseAsync(patience.Token);
            await ConfirmAsync(patience.Token);
        }
        catch (Exception exception)
        {
            // On the way out already, and a lease that is not handed back runs out.
            logger.NotReleased(exception, jobId, _cursor, string.Join(' ', _leased));
        }
        Forget();
    }
}

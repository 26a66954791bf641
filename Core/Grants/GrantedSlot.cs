namespace Lockstep.Core.Grants;

/// <summary>Who computes one slot of one cursor.</summary>
internal sealed class GrantedSlot
{
    /// <value>Streams to which the slot is granted now; rarely more than one.</value>
    public List<Holding> Holders { get; } = [];

    public bool WasGranted { get; set; }

    /// <value>Workers that could not do it; they get it again only where nobody else is idle. Null: none.</value>
    public HashSet<string>? Avoid { get; private set; }

    public void AvoidFrom(string worker) => (Avoid ??= new(StringComparer.Ordinal)).Add(worker);

    public bool IsAvoidedBy(string worker) => Avoid?.Contains(worker) ?? false;
}

/// <summary>A slot in a worker's hand.</summary>
/// <param name="grant">Number of the grant.</param>
/// <param name="place">Place in the grant, from 0: the slots before it come first.</param>
internal sealed class Holding(GrantSession session, TimeSpan since, long grant, int place)
{
    public GrantSession Session { get; } = session;
    public TimeSpan Since { get; } = since;
    public long Grant { get; } = grant;
    public int Place { get; } = place;

    /// <value>The worker said that it began with it.</value>
    public bool IsBegun { get; set; }

    /// <value>The coordinator's own shard got the contribution; another shard may still lack it.</value>
    public bool IsContributed { get; set; }

    /// <value>Contributed, and nothing of it is on its way any more: what is still missing elsewhere is awaited since <see cref="Since"/>.</value>
    public bool IsAwaited { get; init; }
}

using Lockstep.Core.Protocol;

namespace Lockstep.Core.Grants;

/// <summary>One worker's stream to the coordinator.</summary>
internal sealed class GrantSession(long id, string worker)
{
    private const double Weight = 0.2;

    public long Id { get; } = id;

    public string Worker { get; } = worker;

    /// <value>The number of the newest grant to this stream.</value>
    public long Newest { get; set; }

    /// <value>The version the worker said it holds, by a contribution or by being idle; null: none yet.</value>
    public (int Generation, long Step)? Held { get; private set; }

    /// <value>The version at which the worker said that nothing is in its hand; null: it works.</value>
    public (int Generation, long Step)? IdleAt { get; set; }

    /// <value>No further grants: the worker is about to go.</value>
    public bool IsLeaving { get; set; }

    /// <value>Usual time of a slot of this worker, milliseconds; 0: not known.</value>
    public double SlotMs { get; private set; }

    public void Holds(Cursor cursor)
    {
        var version = (cursor.Generation, cursor.Step);
        if (Held is not { } held || version.CompareTo(held) > 0)
        {
            Held = version;
        }
    }

    /// <summary>Whether the worker will have a version soon: it holds it, or the one before.</summary>
    public bool IsNear(Cursor cursor) => !IsLeaving && Held is { } held && held.Generation == cursor.Generation && (held.Step == cursor.Step || held.Step == cursor.Step - 1);

    public void Took(double slotMs)
    {
        if (double.IsFinite(slotMs) && slotMs > 0)
        {
            SlotMs = SlotMs == 0 ? slotMs : SlotMs + (Weight * (slotMs - SlotMs));
        }
    }
}

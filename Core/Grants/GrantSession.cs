using Lockstep.Core.Protocol;

namespace Lockstep.Core.Grants;

/// <summary>One worker's stream to the coordinator.</summary>
internal sealed class GrantSession(long id, string worker)
{
    /// <summary>How much faster a worker is thought to be with each division that left it nothing.</summary>
    private const double Hope = 0.97;

    private bool _isWarm;
    private bool _isGuess;

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

    /// <summary>A division left the worker nothing, as it was slow. Without slots its time cannot be measured again: some day it gets one to show what it takes by then.</summary>
    public void WasLeftOut()
    {
        SlotMs *= Hope;
        _isGuess = true;
    }

    public void Took(double slotMs)
    {
        if (!double.IsFinite(slotMs) || slotMs <= 0)
        {
            return;
        }

        if (!_isWarm)
        {
            // The first slots of a process take a multiple of the usual: code is compiled, memory is touched for the first time.
            _isWarm = true;
            return;
        }

        SlotMs = UsualSlotTime.After(_isGuess ? 0 : SlotMs, slotMs);
        _isGuess = false;
    }
}

using Lockstep.Core.Grants;

namespace Lockstep.Worker.Loop;

/// <summary>How long slots take this worker.</summary>
internal sealed class SlotClock
{
    /// <summary>Slots that take less are not worth a word about each that begins.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(5);

    private double _usualSeconds;
    private TimeSpan _recent;
    private int _recentSlots;

    /// <value>Whether the coordinator should be told which slot is begun, so that it knows which are not.</value>
    public bool TellsProgress => _usualSeconds == 0 || _usualSeconds > Shortest.TotalSeconds;

    public void Observe(TimeSpan time)
    {
        _usualSeconds = UsualSlotTime.After(_usualSeconds, time.TotalSeconds);
        _recent += time;
        _recentSlots++;
    }

    /// <summary>Milliseconds: the mean of the slots since this was asked last; 0: there were none.</summary>
    public double TakeRecentMs()
    {
        double mean = _recentSlots == 0 ? 0 : _recent.TotalMilliseconds / _recentSlots;
        (_recent, _recentSlots) = (TimeSpan.Zero, 0);
        return mean;
    }
}

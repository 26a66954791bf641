namespace Lockstep.Worker.Loop;

/// <summary>The usual time of a slot, and from it how long an idle worker waits before it asks what is overdue.</summary>
public sealed class SlotClock
{
    /// <summary>Below this, asking costs more than a slow slot.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(25);

    /// <summary>A lost slot is found within this time, whatever the back-off.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private const double Overdue = 1.5;
    private const double Growth = 1.6;
    private const double Weight = 0.2;
    private double _usualSeconds;
    private TimeSpan _recent;
    private int _recentSlots;

    /// <value>The usual time of a slot; zero: none was computed.</value>
    public TimeSpan Usual => TimeSpan.FromSeconds(_usualSeconds);

    /// <summary>Takes the time of a computed slot into the moving average.</summary>
    public void Observe(TimeSpan time)
    {
        _usualSeconds = _usualSeconds == 0 ? time.TotalSeconds : _usualSeconds + (Weight * (time.TotalSeconds - _usualSeconds));
        _recent += time;
        _recentSlots++;
    }

    /// <summary>The mean time of the slots since this was asked last; zero: there were none.</summary>
    public TimeSpan TakeRecent()
    {
        TimeSpan mean = _recentSlots == 0 ? TimeSpan.Zero : _recent / _recentSlots;
        (_recent, _recentSlots) = (TimeSpan.Zero, 0);
        return mean;
    }

    /// <summary>How long to wait before the first question.</summary>
    public TimeSpan FirstDelay()
    {
        var usual = TimeSpan.FromSeconds(Overdue * _usualSeconds);
        return usual < Shortest ? Shortest : usual;
    }

    /// <summary>How long to wait after a question that found nothing.</summary>
    public static TimeSpan NextDelay(TimeSpan last)
    {
        TimeSpan grown = last * Growth;
        if (grown < Longest)
            return grown;
        return last > Longest ? last : Longest;
    }
}

namespace Lockstep.Core.Grants;

/// <summary>What grants usually take, as the coordinator sees it, and from when on a slot is overdue.</summary>
/// <remarks>
/// A slot that is granted to a second worker costs that worker a slot's time, with which it begins the next step late and is overdue in turn: what is in hand must be late by more than slots scatter.
/// Of 100 ms they take up to 200 on busy processors.
/// </remarks>
internal sealed class GrantPatience
{
    /// <summary>A slot is overdue after so many times its usual time.</summary>
    private const double Overdue = 3;

    private const double Weight = 0.1;

    /// <summary>What takes longer counts as so many times the usual: else one of two workers that is nearly overdue each time would make more and more usual.</summary>
    private const double MostCounted = 1.5;

    /// <summary>A slot is overdue after this time where none is usual yet.</summary>
    private static readonly TimeSpan OverdueAtFirst = TimeSpan.FromSeconds(10);

    /// <summary>Below this, computing a slot twice costs more than waiting for it.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(25);

    private double _delayMs;

    /// <value>Milliseconds; 0: not known.</value>
    public double SlotMs { get; private set; }

    /// <param name="slotMs">Mean time of a slot as the worker says, milliseconds; more than 0. It counts as no more than its part of <paramref name="all"/>.</param>
    /// <param name="slots">Slots that the worker computed since the grant.</param>
    /// <param name="all">From the grant to the contribution: what is not computing is the way of the grant, the version and the contribution.</param>
    /// <returns>What a slot took, milliseconds.</returns>
    public double Took(double slotMs, int slots, TimeSpan all)
    {
        slotMs = Math.Min(slotMs, all.TotalMilliseconds / slots);
        double delayMs = all.TotalMilliseconds - (slotMs * slots);
        if (SlotMs == 0)
        {
            (SlotMs, _delayMs) = (slotMs, delayMs);
            return slotMs;
        }

        double counted = Math.Min(1, MostCounted * (_delayMs + (SlotMs * slots)) / all.TotalMilliseconds);
        SlotMs += Weight * ((counted * slotMs) - SlotMs);
        _delayMs += Weight * ((counted * delayMs) - _delayMs);
        return slotMs;
    }

    /// <summary>How long after its grant a slot is overdue.</summary>
    /// <param name="place">Slots of the same grant that come before it.</param>
    public TimeSpan For(int place)
    {
        if (SlotMs == 0)
        {
            return OverdueAtFirst;
        }

        TimeSpan patience = TimeSpan.FromMilliseconds(Overdue * (_delayMs + (SlotMs * (place + 1))));
        return patience > Shortest ? patience : Shortest;
    }
}

namespace Lockstep.Overhead;

/// <summary>
/// The clock divided into periods in which what is measured is off or on: off, on, on, off, and so on, so that what grows with time costs both the same.
/// Every process reads its own clock, which is the same one.
/// </summary>
internal static class Periods
{
    /// <summary>What happens at a change is not counted: the code that reports is set up and taken down.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(20);

    public static long Of(DateTimeOffset now) => now.Ticks / Length.Ticks;

    public static bool IsOn(long period) => period % 4 is 1 or 2;

    /// <summary>From when a period is counted.</summary>
    public static DateTimeOffset Begin(long period) => new DateTimeOffset(period * Length.Ticks, TimeSpan.Zero) + Settling;

    /// <summary>Until when a period is counted.</summary>
    public static DateTimeOffset End(long period) => new DateTimeOffset((period + 1) * Length.Ticks, TimeSpan.Zero) - Margin;
}

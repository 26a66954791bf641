namespace Lockstep.SystemBenchmark.Runs;

/// <summary>The part of a run that is measured: after its start, and after the first steps, in which code is still compiled. Both by time and by steps, whichever is later, so that it fits slow steps and fast ones.</summary>
/// <param name="Warm">Since the first step.</param>
internal sealed record SteadyWindow(TimeSpan Warm, long WarmSteps, TimeSpan Length, long Steps)
{
    public static SteadyWindow Full { get; } = new(TimeSpan.FromSeconds(25), 10, TimeSpan.FromSeconds(12), 20);

    public static SteadyWindow Stub { get; } = new(TimeSpan.FromSeconds(5), 10, TimeSpan.FromSeconds(6), 20);

    public static SteadyWindow Quick { get; } = new(TimeSpan.FromSeconds(2), 5, TimeSpan.FromSeconds(3), 8);
}

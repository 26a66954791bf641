using Lockstep.Engine.Processes;

namespace Lockstep.Overhead;

/// <summary>Two fleets without a job, with and without heartbeats: a connection on which nothing else passes is where they are sent.</summary>
internal static class IdleFleets
{
    /// <summary>Until what is done and compiled once is over.</summary>
    private static readonly TimeSpan Warm = TimeSpan.FromSeconds(60);

    /// <param name="time">How long they are looked at.</param>
    /// <returns>By process, milliseconds of CPU a second.</returns>
    public static async Task<CpuPair> MeasureAsync(FleetOptions off, FleetOptions on, TimeSpan time)
    {
        await using LocalFleet without = await LocalFleet.StartAsync(off, TimeProvider.System, CancellationToken.None);
        await using LocalFleet with = await LocalFleet.StartAsync(on, TimeProvider.System, CancellationToken.None);
        await Task.Delay(Warm, TimeProvider.System);
        var (withoutBefore, withBefore) = (CpuMeter.TimesOf(without.Processes), CpuMeter.TimesOf(with.Processes));
        await Task.Delay(time, TimeProvider.System);
        return new CpuPair(PerSecond(without, withoutBefore), PerSecond(with, withBefore));

        Dictionary<string, double> PerSecond(LocalFleet fleet, IReadOnlyDictionary<string, TimeSpan> before) =>
            CpuMeter.TimesOf(fleet.Processes).ToDictionary(p => p.Key, p => (p.Value - before[p.Key]).TotalMilliseconds / time.TotalSeconds);
    }
}

using System.Diagnostics;
using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Processes;

namespace Lockstep.Recovery;

/// <summary>What one worker of four costs that is halted four fifths of the time, by pauses: the steps while it is, beside those before, in one run.</summary>
internal static class Straggler
{
    private const string Victim = "worker-3";
    private const int WarmUntil = 200;
    private const int SlowFrom = 500;
    private const int SlowUntil = 800;

    /// <param name="halted">Length of a pause; it then goes for a quarter of that.</param>
    public static async Task<int> MeasureAsync(FleetRuns fleets, int rounds, TimeSpan halted)
    {
        JobSpec job = FleetRuns.Digits($"steps={SlowUntil + 20}", "slots=16", "globalBatch=512", "checkpoint={every: 0}");
        var ratios = new List<double>();
        for (int round = 1; round <= rounds; round++)
        {
            var watch = new StepWatch();
            (long warm, long from, long to) = (0, 0, 0);
            RunSummary summary = await fleets.RunAsync($"slow-{round}", job, 4, watch, async (fleet, cancellation) =>
            {
                Task follow = watch.FollowAsync(fleet, cancellation);
                warm = await watch.WaitAsync(WarmUntil, cancellation);
                from = await watch.WaitAsync(SlowFrom, cancellation);
                to = await SlowAsync(fleet, watch.WaitAsync(SlowUntil, cancellation), halted, cancellation);
                await follow;
            });
            List<double> healthy = watch.StepsBetween(warm, from);
            List<double> slowed = watch.StepsBetween(from, to);
            (double p95, double slow95) = (Measured.Quantile(healthy, 0.95), Measured.Quantile(slowed, 0.95));
            ratios.Add(slow95 / p95);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round}: healthy p50 {Measured.Median(healthy):F1} ms, p95 {p95:F1} ms; slowed p50 {Measured.Median(slowed):F1} ms, p95 {slow95:F1} ms, ratio {ratios[^1]:F2}; {summary.Grants.Again} slots given to another as well"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median ratio {Measured.Median(ratios):F2}"));
        return 0;
    }

    private static async Task<long> SlowAsync(LocalFleet fleet, Task<long> over, TimeSpan halted, CancellationToken cancellation)
    {
        try
        {
            while (!over.IsCompleted)
            {
                fleet.Signal(Victim, UnixSignal.Stop);
                await Task.WhenAny(over, Task.Delay(halted, cancellation));
                fleet.Signal(Victim, UnixSignal.Continue);
                await Task.WhenAny(over, Task.Delay(halted / 4, cancellation));
            }
        }
        finally
        {
            fleet.Signal(Victim, UnixSignal.Continue);
        }

        return await over;
    }
}

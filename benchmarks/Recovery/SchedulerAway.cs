using System.Diagnostics;
using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Processes;

namespace Lockstep.Recovery;

/// <summary>Whether steps take longer while there is no scheduler: it is killed, and what is started in its place is halted before it can do anything.</summary>
internal static class SchedulerAway
{
    private const string Scheduler = "scheduler";
    private const int WarmUntil = 200;
    private const int KillAt = 600;
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(7);

    public static async Task<int> MeasureAsync(FleetRuns fleets, int rounds)
    {
        JobSpec job = FleetRuns.Digits("steps=1600", "shards=2", "checkpoint={every: 0}");
        var ratios = new List<double>();
        string? quiet = null;
        for (int round = 1; round <= rounds; round++)
        {
            var watch = new StepWatch();
            (long warm, long killed, long back) = (0, 0, 0);
            RunSummary summary = await fleets.RunAsync($"away-{round}", job, 2, watch, async (fleet, cancellation) =>
            {
                Task follow = watch.FollowAsync(fleet, cancellation);
                warm = await watch.WaitAsync(WarmUntil, cancellation);
                await watch.WaitAsync(KillAt, cancellation);
                int before = ProcessOf(fleet);
                killed = Stopwatch.GetTimestamp();
                fleet.Signal(Scheduler, UnixSignal.Kill);
                while (ProcessOf(fleet) is var now && (now == 0 || now == before))
                {
                    await Task.Delay(1, cancellation);
                }

                fleet.Signal(Scheduler, UnixSignal.Stop);
                await Task.Delay(Away - Stopwatch.GetElapsedTime(killed), cancellation);
                back = Stopwatch.GetTimestamp();
                fleet.Signal(Scheduler, UnixSignal.Continue);
                await follow;
            });
            List<double> usual = watch.StepsBetween(warm, killed);
            List<double> away = watch.StepsBetween(killed, back);
            double p99 = Measured.Quantile(usual, 0.99);
            ratios.Add(away.Max() / p99);
            quiet ??= summary.ParametersSha256;
            bool same = summary.ParametersSha256 == quiet;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round}: {usual.Count} steps before, p50 {Measured.Median(usual):F1} ms, p99 {p99:F1} ms, slowest {usual.Max():F1} ms; {away.Count} steps in {Away.TotalSeconds:F0} s without a scheduler, p50 {Measured.Median(away):F1} ms, p99 {Measured.Quantile(away, 0.99):F1} ms, slowest {away.Max():F1} ms, ratio {ratios[^1]:F2}; same model as round 1: {same}"));
            if (!same)
            {
                return 1;
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median ratio {Measured.Median(ratios):F2}"));
        return 0;
    }

    private static int ProcessOf(LocalFleet fleet) => fleet.Processes.FirstOrDefault(p => p.Name == Scheduler)?.ProcessId ?? 0;
}

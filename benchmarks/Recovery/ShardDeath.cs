using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;

namespace Lockstep.Recovery;

/// <summary>What the death of one of two parameter servers costs: kill → next new step, less the time that the repeated steps take.</summary>
internal static class ShardDeath
{
    private const int KillAt = 130;

    public static async Task<int> MeasureAsync(FleetRuns fleets, int rounds)
    {
        JobSpec job = FleetRuns.Digits("steps=240", "shards=2", "checkpoint={every: 20}");
        RunSummary quiet = await fleets.RunAsync("quiet", job, 2, new KilledRun("ps-0", 0));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"usual step: {quiet.StepMs.P50:F1} ms"));
        var stalls = new List<double>();
        for (int round = 1; round <= rounds; round++)
        {
            var run = new KilledRun("ps-0", KillAt);
            RunSummary summary = await fleets.RunAsync($"killed-{round}", job, 2, run);
            double stall = run.GapMs - (summary.StepsRepeated * quiet.StepMs.P50);
            stalls.Add(stall);
            bool same = summary.ParametersSha256 == quiet.ParametersSha256;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round}: next new step {run.GapMs:F0} ms after the kill, {summary.StepsRepeated} steps repeated, stall {stall:F0} ms, same model: {same}"));
            if (!same)
            {
                return 1;
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median stall {Measured.Median(stalls):F0} ms"));
        return 0;
    }
}

using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;

namespace Lockstep.Recovery;

/// <summary>What the death of one of two workers costs, beside torchrun: kill → next published step, less the time that the lost slots take the survivor.</summary>
internal static class WorkerDeath
{
    private const int KillAt = 60;

    public static async Task<int> MeasureAsync(FleetRuns fleets, int rounds)
    {
        JobSpec job = FleetRuns.Digits("steps=120", "slots=8", "globalBatch=256");
        RunSummary alone = await fleets.RunAsync("alone", job, 1, new KilledRun("worker-0", 0));
        double slotMs = alone.StepMs.P50 / job.Slots;
        RunSummary quiet = await fleets.RunAsync("quiet", job, 2, new KilledRun("worker-0", 0));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"usual step: {alone.StepMs.P50:F1} ms with one worker, {quiet.StepMs.P50:F1} ms with two; a slot {slotMs:F1} ms"));

        var stalls = new List<double>();
        var peers = new List<double>();
        for (int round = 1; round <= rounds; round++)
        {
            var run = new KilledRun("worker-0", KillAt);
            RunSummary summary = await fleets.RunAsync($"killed-{round}", job, 2, run);
            int survivors = run.Next!.SlotsByWorker.GetValueOrDefault("worker-1");
            double stall = run.GapMs - (Math.Max(0, survivors - (job.Slots / 2)) * slotMs);
            bool same = summary.ParametersSha256 == quiet.ParametersSha256;
            stalls.Add(stall);
            string peer = "not measured";
            if (await TorchRun.KillAsync(fleets.NewFolder($"torchrun-{round}")) is { } torch)
            {
                peers.Add(torch.GapMs);
                peer = string.Create(CultureInfo.InvariantCulture, $"{torch.GapMs:F0} ms, {torch.StepsLost} steps lost");
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round}: next step {run.GapMs:F0} ms after the kill, stall {stall:F0} ms, {summary.StepsRepeated} steps repeated, same model: {same}; torchrun {peer}"));
            if (!same)
            {
                return 1;
            }
        }

        double ours = Measured.Median(stalls);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median stall {ours:F0} ms") + (peers.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", torchrun {Measured.Median(peers):F0} ms, ratio {ours / Measured.Median(peers):F3}")));
        return 0;
    }
}

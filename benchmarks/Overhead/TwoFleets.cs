using Lockstep.Contracts.Jobs;
using Lockstep.Engine.Runs;

namespace Lockstep.Overhead;

/// <summary>Two fleets at once on the same cores, counted over the same time: what slows the machine down slows both.</summary>
internal static class TwoFleets
{
    // Start-up and compilation do not grow with the run; most of it is over after about 1,500 steps.
    private const int Warm = 1800;

    /// <param name="off">The fleet without what is measured, and its job with the steps to be done.</param>
    /// <param name="on">The fleet with it.</param>
    /// <param name="isOnFirst">Which of them is started first.</param>
    public static async Task<CpuPair> MeasureAsync(TrainingOptions off, TrainingOptions on, bool isOnFirst)
    {
        CpuMeter offMeter = new(), onMeter = new();
        await using CoreSwap? swap = CoreSwap.IsPossible ? new CoreSwap(() => Ids(offMeter), () => Ids(onMeter)) : null;
        Task<CpuPair> readings = CompareAsync(offMeter, onMeter, off.Job.Steps!.Value);
        Task training = isOnFirst
            ? Task.WhenAll(TrainAsync(on, onMeter), TrainAsync(off, offMeter))
            : Task.WhenAll(TrainAsync(off, offMeter), TrainAsync(on, onMeter));
        // A run that fails ends before its readings.
        await await Task.WhenAny(readings, training);
        await training;
        return await readings;
    }

    /// <summary>From where the later one is warm to where the earlier one is at its end.</summary>
    private static async Task<CpuPair> CompareAsync(CpuMeter off, CpuMeter on, long steps)
    {
        long warm = Math.Min(steps / 2, Warm);
        await Task.WhenAll(off.ReachAsync(warm), on.ReachAsync(warm));
        (CpuReading offBefore, CpuReading onBefore) = (off.Read(), on.Read());
        await Task.WhenAny(off.ReachAsync(steps - 1), on.ReachAsync(steps - 1));
        return new(off.Read().PerStepSince(offBefore), on.Read().PerStepSince(onBefore));
    }

    private static async Task TrainAsync(TrainingOptions options, CpuMeter meter)
    {
        TrainingResult result = await TrainingRun.RunAsync(options, meter, TimeProvider.System, CancellationToken.None);
        if (result.Error is { } error)
        {
            throw new InvalidOperationException(error);
        }
    }

    private static int[] Ids(CpuMeter meter) => [.. meter.Processes.Select(process => process.ProcessId)];
}

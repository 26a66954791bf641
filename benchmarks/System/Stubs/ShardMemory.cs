using Lockstep.Benchmarks;
using Lockstep.SystemBenchmark.Rows;
using Lockstep.Transport.Grpc;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>Peak memory of a parameter server at 64 MB with Adam, beyond that of one at 0.25 MB and beyond what it has to hold.</summary>
internal static class ShardMemory
{
    public const string Steady = "MB beyond, steady";
    public const string First = "MB beyond, with the first step";
    public const string Checkpoint = "MB beyond, while a checkpoint is written";

    private const double Megabyte = 1 << 20;
    private const int Large = 64;
    /// <summary>Weights, two states of Adam, one sum, two published copies.</summary>
    private const int Copies = 6;

    public static Contender Contender(Group group) => new(group, "memory of a shard", async (bench, cancellation) =>
    {
        Peaks small = await MeasureAsync(bench, 256 << 10, cancellation);
        Peaks large = await MeasureAsync(bench, Large << 20, cancellation);
        return new Figures
        {
            [Steady] = Beyond(large.Steady, small.Steady),
            [First] = Beyond(large.First, small.First),
            [Checkpoint] = Beyond(large.Checkpoint, small.Checkpoint),
        };
    });

    private static double Beyond(long large, long small) => ((large - small) / Megabyte) - (Copies * Large);

    private static async Task<Peaks> MeasureAsync(Bench bench, long bytes, CancellationToken cancellation)
    {
        await using StubFleet fleet = await StubFleet.StartAsync(bench, bytes, slots: 2, processes: 2, each: 1, cancellation);
        // Once a window is over all is warm, and the peak since the start is that of the first steps.
        await fleet.StepMsAsync(cancellation);
        long first = ProcessUse.PeakBytes(fleet.Shard);
        ProcessUse.ResetPeak(fleet.Shard);
        await Task.Delay(bench.StubWindow.Length, cancellation);
        long steady = ProcessUse.PeakBytes(fleet.Shard);
        await using var shard = new GrpcShardClient(fleet.Address, 0, TimeProvider.System, null, fleet.Secret);
        ProcessUse.ResetPeak(fleet.Shard);
        await shard.CheckpointAsync(StubJob.JobId, cancellation);
        return new(first, steady, ProcessUse.PeakBytes(fleet.Shard));
    }

    /// <summary>Largest resident memory in bytes, mapped pages counted once.</summary>
    private sealed record Peaks(long First, long Steady, long Checkpoint);
}

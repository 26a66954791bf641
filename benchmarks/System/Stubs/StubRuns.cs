using System.Globalization;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>Steps of which nothing is computed: encode, push, sum, Adam, publication, and the values back in all workers.</summary>
internal static class StubRuns
{
    /// <summary>Two processes of a worker each.</summary>
    /// <param name="bits">Of <see cref="StubJob.Bits"/>.</param>
    public static Contender OfTwoProcesses(Group group, long bytes, int slots, int bits = 32) => Create(group, bytes, slots, processes: 2, each: 1, bits);

    /// <summary>Workers that share a process, with a slot each.</summary>
    public static Contender OfOneProcess(Group group, long bytes, int workers) => Create(group, bytes, workers, processes: 1, each: workers);

    private static Contender Create(Group group, long bytes, int slots, int processes, int each, int bits = 32) =>
        new(group, string.Create(CultureInfo.InvariantCulture, $"stub workers: {processes} × {each}, {bytes} bytes, M={slots}{(bits == 32 ? "" : $", {bits} bits")}"), async (bench, cancellation) =>
        {
            await using StubFleet fleet = await StubFleet.StartAsync(bench, bytes, slots, processes, each, cancellation, bits);
            return new Figures { [Figures.StepMs] = await fleet.StepMsAsync(cancellation) };
        });
}

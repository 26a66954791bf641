using Lockstep.Engine.Runs;

namespace Lockstep.Overhead;

/// <summary>
/// Two fleets at once, each with what is measured off and on in turns, and never both alike: a fleet that is dearer than the other, or a machine that is slower for a while, costs both sides the same.
/// Each fleet has a core, where there are two, and they change places every second.
/// </summary>
internal static class Crossover
{
    /// <summary>Compiling goes on for some minutes, that of what reports included.</summary>
    private const int WarmPeriods = 12;

    /// <param name="first">Its side is off where <see cref="Periods.IsOn"/> says so.</param>
    /// <param name="second">The other way round.</param>
    /// <param name="report">Is told each pair of periods.</param>
    /// <param name="beside">What goes on in the first fleet and in the second; null: nothing but training.</param>
    public static async Task MeasureAsync(TrainingOptions first, TrainingOptions second, int pairs, Action<CpuPair> report, (CheckpointCalls First, CheckpointCalls Second)? beside = null)
    {
        await using var one = new Fleet(first, beside is { } calls ? calls.First.RunAsync : null);
        await using var other = new Fleet(second, beside is { } others ? others.Second.RunAsync : null);
        await using CoreSwap? swap = CoreSwap.IsPossible ? new CoreSwap(() => one.ProcessIds, () => other.ProcessIds) : null;
        Task measuring = MeasureAsync(one.Meter, other.Meter, pairs, report);
        Task<Task> over = Task.WhenAny(measuring, one.Training, other.Training);
        if (await over is Task<TrainingResult> run)
        {
            throw new InvalidOperationException((await run).Error ?? "A run was over too soon.");
        }

        await measuring;
    }

    private static async Task MeasureAsync(CpuMeter one, CpuMeter other, int pairs, Action<CpuPair> report)
    {
        await Task.WhenAll(one.ReachAsync(1), other.ReachAsync(1));
        long first = Periods.Of(TimeProvider.System.GetUtcNow()) + WarmPeriods;
        // Pairs of neighbours: off and on, then on and off.
        first += first % 2;
        for (int pair = 0; pair < pairs; pair++)
        {
            long period = first + (2 * pair);
            var before = await CountAsync(one, other, period);
            var after = await CountAsync(one, other, period + 1);
            var (off, on) = Periods.IsOn(period) ? (after, before) : (before, after);
            // The second fleet has it on where the first has it off.
            report(new CpuPair(Mean(off.One, on.Other), Mean(on.One, off.Other)));
        }
    }

    /// <returns>By process, milliseconds of CPU a step in a period.</returns>
    private static async Task<(IReadOnlyDictionary<string, double> One, IReadOnlyDictionary<string, double> Other)> CountAsync(CpuMeter one, CpuMeter other, long period)
    {
        await WaitAsync(Periods.Begin(period));
        (CpuReading oneBefore, CpuReading otherBefore) = (one.Read(), other.Read());
        await WaitAsync(Periods.End(period));
        return (one.Read().PerStepSince(oneBefore), other.Read().PerStepSince(otherBefore));
    }

    private static async Task WaitAsync(DateTimeOffset moment)
    {
        TimeSpan left = moment - TimeProvider.System.GetUtcNow();
        if (left > TimeSpan.Zero)
        {
            await Task.Delay(left, TimeProvider.System);
        }
    }

    private static Dictionary<string, double> Mean(IReadOnlyDictionary<string, double> one, IReadOnlyDictionary<string, double> other) =>
        one.ToDictionary(process => process.Key, process => (process.Value + other[process.Key]) / 2);
}

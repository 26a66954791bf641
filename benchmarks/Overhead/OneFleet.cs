using Lockstep.Contracts.Jobs;
using Lockstep.Engine.Runs;

namespace Lockstep.Overhead;

/// <summary>One fleet in which telemetry is off and on in turns: the same processes, memory and work in both.</summary>
internal static class OneFleet
{
    /// <summary>Compiling goes on for a minute or two, that of what reports included.</summary>
    private const int WarmPeriods = 12;

    // More than are ever done: the run is ended when all was read.
    private const int Endless = 100_000_000;

    /// <param name="options">Of the fleet.</param>
    /// <param name="pairs">Of a period with telemetry off and one with it on.</param>
    /// <param name="report">Is told each pair: by process, milliseconds of CPU a step.</param>
    public static async Task MeasureAsync(TrainingOptions options, int pairs, Action<CpuPair> report)
    {
        var meter = new CpuMeter();
        using var end = new CancellationTokenSource();
        JobSpec job = options.Job with { Epochs = null, Steps = Endless };
        Task<TrainingResult> training = TrainingRun.RunAsync(options with { Job = job }, meter, TimeProvider.System, end.Token);
        Task measuring = MeasureAsync(meter, pairs, report);
        if (await Task.WhenAny(training, measuring) == training)
        {
            throw new InvalidOperationException((await training).Error ?? "The run was over too soon.");
        }

        await end.CancelAsync();
        await ((Task)training).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await measuring;
    }

    private static async Task MeasureAsync(CpuMeter meter, int pairs, Action<CpuPair> report)
    {
        await meter.ReachAsync(1);
        long first = Periods.Of(TimeProvider.System.GetUtcNow()) + WarmPeriods;
        // Pairs of neighbours: off and on, then on and off.
        first += first % 2;
        for (int pair = 0; pair < pairs; pair++)
        {
            long period = first + (2 * pair);
            IReadOnlyDictionary<string, double> one = await CountAsync(meter, period);
            IReadOnlyDictionary<string, double> other = await CountAsync(meter, period + 1);
            report(Periods.IsOn(period) ? new(other, one) : new(one, other));
        }
    }

    private static async Task<IReadOnlyDictionary<string, double>> CountAsync(CpuMeter meter, long period)
    {
        await WaitAsync(Periods.Begin(period));
        CpuReading before = meter.Read();
        await WaitAsync(Periods.End(period));
        return meter.Read().PerStepSince(before);
    }

    private static async Task WaitAsync(DateTimeOffset moment)
    {
        TimeSpan left = moment - TimeProvider.System.GetUtcNow();
        if (left > TimeSpan.Zero)
        {
            await Task.Delay(left, TimeProvider.System);
        }
    }
}

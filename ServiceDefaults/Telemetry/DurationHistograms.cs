using System.Diagnostics.Metrics;

namespace Lockstep.ServiceDefaults.Telemetry;

/// <summary>Histograms of times.</summary>
public static class DurationHistograms
{
    /// <summary>From a shard's update of a small model to an evaluation or a checkpoint on a slow disk, seconds. Exporters would else count in milliseconds' buckets.</summary>
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    };

    /// <summary>Sync latency: milliseconds up to 100, as percentiles are shown on these. Seconds.</summary>
    private static readonly InstrumentAdvice<double> Latency = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.012, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10],
    };

    /// <summary>What processes that start take, seconds.</summary>
    private static readonly InstrumentAdvice<double> Delay = new()
    {
        HistogramBucketBoundaries = [0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 120],
    };

    /// <summary>A histogram in seconds of times that are milliseconds where all is well.</summary>
    public static Histogram<double> CreateLatencyHistogram(this Meter meter, string name, string description) => meter.CreateHistogram(name, "s", description, tags: null, Latency);

    /// <summary>A histogram in seconds of times between half a second and a minute.</summary>
    public static Histogram<double> CreateDelayHistogram(this Meter meter, string name, string description) => meter.CreateHistogram(name, "s", description, tags: null, Delay);

    /// <summary>A histogram in seconds.</summary>
    public static Histogram<double> CreateDurationHistogram(this Meter meter, string name, string description) => meter.CreateHistogram(name, "s", description, tags: null, Seconds);
}

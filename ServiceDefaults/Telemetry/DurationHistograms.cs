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

    /// <summary>A histogram in seconds.</summary>
    public static Histogram<double> CreateDurationHistogram(this Meter meter, string name, string description) => meter.CreateHistogram(name, "s", description, tags: null, Seconds);
}

using System.Diagnostics.Metrics;
using Lockstep.Contracts.Services;
using Lockstep.ParameterServer;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Worker.Loop;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.ServiceDefaults.Tests.Metrics;

/// <summary>Every instrument of every service's metrics.</summary>
internal static class AllInstruments
{
    /// <summary>Registers the metrics of all services.</summary>
    public static void AddAllMetrics(this IServiceCollection services)
    {
        services.AddSingleton<WorkerMetrics>();
        services.AddSingleton<ShardMetrics>();
        services.AddSingleton<SchedulerMetrics>();
    }

    /// <summary>Makes the metrics and gives the instruments that they are made of.</summary>
    public static IReadOnlyList<Instrument> Make(IServiceProvider services)
    {
        var factory = services.GetRequiredService<IMeterFactory>();
        var found = new List<Instrument>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, factory) && instrument.Name.StartsWith("lockstep.", StringComparison.Ordinal))
                {
                    lock (found)
                    {
                        found.Add(instrument);
                    }
                }
            },
        };
        listener.Start();
        _ = services.GetRequiredService<WorkerMetrics>();
        _ = services.GetRequiredService<ShardMetrics>();
        _ = services.GetRequiredService<SchedulerMetrics>();
        return found;
    }

    /// <summary>Measures something with each, so that exporters have something to show.</summary>
    public static void Measure(IServiceProvider services, IReadOnlyList<Instrument> instruments)
    {
        foreach (Instrument instrument in instruments)
        {
            switch (instrument)
            {
                case Histogram<double> histogram:
                    histogram.Record(0.01);
                    break;
                case Histogram<int> histogram:
                    histogram.Record(3);
                    break;
                case Counter<long> counter:
                    counter.Add(1);
                    break;
                case Counter<double> counter:
                    counter.Add(0.01);
                    break;
                default:
                    Assert.True(instrument.IsObservable, $"{instrument.Name} is of a kind that this test does not know.");
                    break;
            }
        }

        var scheduler = services.GetRequiredService<SchedulerMetrics>();
        scheduler.WorkersNow = () => new WorkerCounts(4, 3, 2, 1);
        scheduler.JobsNow = () => [new JobGauge("job", JobState.Running, 8, 3, null), new JobGauge("later", JobState.Queued, 8, 0, TimeSpan.FromSeconds(5))];
        scheduler.Stepped("job", 5, 2, 32, new Dictionary<string, double> { ["a"] = 10, ["b"] = 20, ["c"] = 10 });
    }

    public static string KindOf(Instrument instrument)
    {
        string name = instrument.GetType().Name;
        return name.StartsWith("Histogram", StringComparison.Ordinal) ? "histogram"
            : name.Contains("Gauge", StringComparison.Ordinal) ? "gauge"
            : name.Contains("UpDown", StringComparison.Ordinal) ? "up-down counter"
            : name.Contains("Counter", StringComparison.Ordinal) ? "counter"
            : throw new InvalidOperationException($"{instrument.Name} is a {name}.");
    }
}

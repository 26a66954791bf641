using System.Diagnostics.Metrics;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Telemetry;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.ServiceDefaults.Tests.Scheduling;

public sealed class JobGaugeTests
{
    private const string Prefix = "lockstep.scheduler.jobs.";

    [Fact]
    public void A_state_that_no_job_is_in_any_more_is_reported_as_none()
    {
        using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        IMeterFactory own = services.GetRequiredService<IMeterFactory>();
        var metrics = new SchedulerMetrics(own) { JobsNow = () => [new JobGauge("a", JobState.Running, 8, 1, null)] };
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            // Other tests have meters of the same name.
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Scope == own && instrument.Name.StartsWith(Prefix, StringComparison.Ordinal))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<int>((instrument, count, _, _) => seen[instrument.Name[Prefix.Length..]] = count);
        listener.Start();

        listener.RecordObservableInstruments();
        Assert.Equal(1, seen["running"]);
        metrics.JobsNow = () => [];
        listener.RecordObservableInstruments();

        Assert.Equal(new Dictionary<string, int> { ["queued"] = 0, ["running"] = 0, ["paused"] = 0, ["waiting"] = 0, ["checking"] = 0 }, seen);
    }
}

using System.Diagnostics.Metrics;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Workers;
using Lockstep.ServiceDefaults.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Scheduler.Tests.Timing;

/// <summary>The counter of what jobs' time goes to.</summary>
public sealed class TimeMetricTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly JobFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_grows_while_a_job_goes_on_and_adds_up_to_the_elapsed_time_at_the_end()
    {
        using ServiceProvider services = new ServiceCollection().AddMetrics().AddSingleton<SchedulerMetrics>().BuildServiceProvider();
        var counted = new Dictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, services.GetRequiredService<IMeterFactory>()) && instrument.Name == "lockstep.scheduler.job.time")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) =>
        {
            Dictionary<string, object?> attributes = tags.ToArray().ToDictionary();
            Assert.Equal("job", attributes["lockstep.job.id"]);
            string use = Assert.IsType<string>(attributes["use"]);
            counted[use] = counted.GetValueOrDefault(use) + value;
        });
        listener.Start();
        var metrics = services.GetRequiredService<SchedulerMetrics>();
        var telemetry = new SchedulerTelemetry(metrics, new SchedulerSpans(new StepTrace(0), _time), _time);
        var job = new ScheduledJob(new JobRecord(_folder.Request("job"), JobState.Queued, null, JobProgress.None), 1, new Fleet(_time), _time);

        Pass(3);
        telemetry.Staffed([job]);
        Assert.Equal(new Dictionary<string, double> { ["starting"] = 3 }, counted);
        job.TrySetState(JobState.Running);
        for (int step = 0; step < 10; step++)
        {
            Pass(1);
            job.Time.Reported(TimeUse.Training, 1, TimeSpan.Zero);
        }

        telemetry.Staffed([job]);
        Assert.Equal(new Dictionary<string, double> { ["starting"] = 4, ["training"] = 9 }, counted);
        Pass(0.5);
        telemetry.Ended(job, JobState.Cancelled, null);

        Assert.Equal(new Dictionary<string, double> { ["starting"] = 4, ["training"] = 9, ["ending"] = 0.5 }, counted);
    }

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}

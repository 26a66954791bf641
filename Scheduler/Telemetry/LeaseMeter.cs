using Lockstep.Contracts.Services;
using Lockstep.Coordination;
using Lockstep.Scheduler.Jobs;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Telemetry;

/// <summary>Reads what the lease table counts of the running jobs, now and then.</summary>
internal sealed class LeaseMeter(JobManager jobs, SchedulerTelemetry telemetry, IConnectionMultiplexer redis, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            foreach (JobRun job in jobs.Open.Where(j => j.State == JobState.Running))
            {
                telemetry.Leased(job, await new RedisLeases(redis, job.Id).CountAsync(stoppingToken));
            }
        }
    }
}

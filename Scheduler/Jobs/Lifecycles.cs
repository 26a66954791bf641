using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Workers;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Takes jobs on: each begins its lifecycle.</summary>
internal sealed class Lifecycles(JobList jobs, Term term, Staffing staffing, Fleet fleet, Scaler scaler, JobStore store, ShardCloser closer, SchedulerTelemetry telemetry, IConfiguration configuration, TimeProvider time, ILoggerFactory loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger<Lifecycle>();

    /// <summary>Takes a job on.</summary>
    /// <param name="resumes">A scheduler before had begun it.</param>
    /// <returns>False: there is a job with this id.</returns>
    public bool TryBegin(ScheduledJob job, bool resumes)
    {
        if (!jobs.TryAdd(job))
        {
            return false;
        }

        telemetry.Began(job);
        job.Append();
        _ = new Lifecycle(job, () => new JobRecorder(job, scaler, store, telemetry, configuration, time, loggers.CreateLogger<JobRecorder>()), closer, staffing, fleet, store, telemetry, _logger, term.Token).RunAsync(resumes);
        return true;
    }
}

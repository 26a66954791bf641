using System.Globalization;
using Lockstep.Client;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Hosting;

/// <param name="Name">Begins the job's id.</param>
internal sealed record SubmittedJob(string Name, JobSpec Spec);

/// <summary>Hands a job in once the scheduler answers.</summary>
internal sealed partial class JobSubmission(SubmittedJob job, FleetWatch watch, SchedulerAccess scheduler, TimeProvider time, ILogger<JobSubmission> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            (FleetStatus? now, Task changed) = watch.Now;
            if (now is not null)
            {
                break;
            }

            await changed.WaitAsync(stoppingToken);
        }

        SchedulerClient client = await scheduler.ClientAsync(stoppingToken);
        string id = string.Create(CultureInfo.InvariantCulture, $"{job.Name}-{time.GetUtcNow():yyyyMMdd-HHmmss}");
        try
        {
            await client.SubmitAsync(new SubmitRequest(id, JobFile.ToCanonicalJson(job.Spec)), stoppingToken);
        }
        catch (Exception exception) when (exception is InputException or HttpRequestException)
        {
            LogRefused(id, exception.Message);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Job {JobId} was not submitted: {Problem}")]
    private partial void LogRefused(string jobId, string problem);
}

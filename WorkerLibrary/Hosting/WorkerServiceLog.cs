namespace Lockstep.Worker.Hosting;

internal static partial class WorkerServiceLog
{
    [LoggerMessage(1, LogLevel.Information, "Joined the scheduler at {Scheduler} as {WorkerId}")]
    public static partial void Joined(this ILogger logger, Uri scheduler, string workerId);

    [LoggerMessage(2, LogLevel.Warning, "The scheduler at {Scheduler} does not answer ({Detail}); trying again until it does, and going on meanwhile")]
    public static partial void SchedulerAway(this ILogger logger, Uri scheduler, string detail);

    [LoggerMessage(3, LogLevel.Critical, "This worker cannot work")]
    public static partial void CannotWork(this ILogger logger, Exception exception);

    [LoggerMessage(4, LogLevel.Information, "Job {JobId}: called off")]
    public static partial void CalledOff(this ILogger logger, string jobId);

    [LoggerMessage(5, LogLevel.Error, "Job {JobId} cannot be done here")]
    public static partial void JobFailed(this ILogger logger, Exception exception, string jobId);

    [LoggerMessage(6, LogLevel.Warning, "Job {JobId}: the scheduler could not be told")]
    public static partial void NotReported(this ILogger logger, Exception exception, string jobId);

    [LoggerMessage(8, LogLevel.Warning, "Job {JobId}: the scheduler does not tell whether the other workers are ready; asking again")]
    public static partial void NotBegun(this ILogger logger, Exception exception, string jobId);

    [LoggerMessage(7, LogLevel.Information, "{WorkerId} left the fleet")]
    public static partial void Left(this ILogger logger, string workerId);

    [LoggerMessage(9, LogLevel.Information, "The scheduler asks this worker to leave; what it has in hand is handed in first")]
    public static partial void AskedToLeave(this ILogger logger);
}

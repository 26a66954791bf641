using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Workers;

namespace Lockstep.Scheduler.Jobs;

/// <summary>What the scheduler logs of jobs and workers.</summary>
internal static partial class SchedulerLog
{
    [LoggerMessage(1, LogLevel.Information, "Job {JobId}: {Change}")]
    public static partial void Staffed(this ILogger logger, string jobId, StaffingChange change);

    [LoggerMessage(2, LogLevel.Warning, "Worker {WorkerId} left job {JobId}; {Freed} of its slots are free again")]
    public static partial void WorkerLost(this ILogger logger, string workerId, string jobId, int freed);

    [LoggerMessage(25, LogLevel.Information, "Worker {WorkerId} left job {JobId} with nothing in hand")]
    public static partial void WorkerLeft(this ILogger logger, string workerId, string jobId);

    [LoggerMessage(3, LogLevel.Information, "Job {JobId}: {State}{Error}")]
    public static partial void Ended(this ILogger logger, string jobId, JobState state, string? error);

    [LoggerMessage(4, LogLevel.Error, "Worker {WorkerId} cannot do job {JobId}: {Error}")]
    public static partial void WorkerFailed(this ILogger logger, string workerId, string jobId, string error);

    [LoggerMessage(5, LogLevel.Error, "Job {JobId} cannot be followed")]
    public static partial void NotFollowed(this ILogger logger, Exception exception, string jobId);

    [LoggerMessage(6, LogLevel.Warning, "Job {JobId} was not closed on every parameter server")]
    public static partial void NotClosed(this ILogger logger, Exception exception, string jobId);

    [LoggerMessage(7, LogLevel.Error, "Job {JobId}: its result could not be written")]
    public static partial void NotRecorded(this ILogger logger, Exception exception, string jobId);

    [LoggerMessage(8, LogLevel.Error, "The record of job {JobId} cannot be read; it is left alone")]
    public static partial void Unreadable(this ILogger logger, Exception exception, string jobId);

    [LoggerMessage(17, LogLevel.Warning, "{Note}")]
    public static partial void OfRedis(this ILogger logger, string note);

    [LoggerMessage(16, LogLevel.Warning, "Job {JobId}: {Note}")]
    public static partial void Noted(this ILogger logger, string jobId, string note);

    [LoggerMessage(9, LogLevel.Information, "Workers desired: {Desired}. {Reason}")]
    public static partial void Desired(this ILogger logger, int desired, string reason);

    [LoggerMessage(10, LogLevel.Warning, "Job {JobId}: waiting for workers, it needs at least {Minimum}")]
    public static partial void Waiting(this ILogger logger, string jobId, int minimum);

    [LoggerMessage(11, LogLevel.Information, "Worker {WorkerId} was asked to hand in what it has in hand, and to end")]
    public static partial void Draining(this ILogger logger, string workerId);

    [LoggerMessage(12, LogLevel.Warning, "Another scheduler is in charge; standing by until it is gone")]
    public static partial void StandsBy(this ILogger logger);

    [LoggerMessage(13, LogLevel.Warning, "Redis had lost everything; job records that were written again: {Jobs}")]
    public static partial void Rewritten(this ILogger logger, int jobs);

    [LoggerMessage(14, LogLevel.Warning, "A change was refused")]
    public static partial void Refused(this ILogger logger, Exception exception);

    [LoggerMessage(18, LogLevel.Information, "No other scheduler is in charge any more; this one is")]
    public static partial void TookOver(this ILogger logger);

    [LoggerMessage(19, LogLevel.Error, "Parameter servers that are known here: {Shards}, fewer than job {JobId} has, and another scheduler is in charge of it; standing by until that one is gone. Set {Name} as it has it, or end this scheduler")]
    public static partial void Unfit(this ILogger logger, int shards, string jobId, string name);

    [LoggerMessage(20, LogLevel.Error, "Job {JobId} is left as it is: {Error}")]
    public static partial void LeftAlone(this ILogger logger, string jobId, string error);

    [LoggerMessage(15, LogLevel.Warning, "Worker {WorkerId} gets no work for {Seconds} s")]
    public static partial void Quarantined(this ILogger logger, string workerId, double seconds);
}

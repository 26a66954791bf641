using Lockstep.Contracts.Services;

namespace Lockstep.Scheduler.Jobs;

internal sealed partial class JobManager
{
    [LoggerMessage(1, LogLevel.Information, "Job {JobId}: {Change}")]
    private partial void LogStaffed(string jobId, string change);

    [LoggerMessage(2, LogLevel.Warning, "Worker {WorkerId} left job {JobId}; {Freed} of its slots are free again")]
    private partial void LogLost(string workerId, string jobId, int freed);

    [LoggerMessage(25, LogLevel.Information, "Worker {WorkerId} left job {JobId} with nothing in hand")]
    private partial void LogLeft(string workerId, string jobId);

    [LoggerMessage(3, LogLevel.Information, "Job {JobId}: {State}{Error}")]
    private partial void LogEnded(string jobId, JobState state, string? error);

    [LoggerMessage(4, LogLevel.Error, "Worker {WorkerId} cannot do job {JobId}: {Error}")]
    private partial void LogWorkerFailed(string workerId, string jobId, string error);

    [LoggerMessage(5, LogLevel.Error, "Job {JobId} cannot be followed")]
    private partial void LogFollowFailed(Exception exception, string jobId);

    [LoggerMessage(6, LogLevel.Warning, "Job {JobId} was not closed on every parameter server")]
    private partial void LogNotClosed(Exception exception, string jobId);

    [LoggerMessage(7, LogLevel.Error, "Job {JobId}: its result could not be written")]
    private partial void LogNotRecorded(Exception exception, string jobId);

    [LoggerMessage(8, LogLevel.Error, "The record of job {JobId} cannot be read; it is left alone")]
    private partial void LogUnreadable(Exception exception, string jobId);

    [LoggerMessage(17, LogLevel.Warning, "{Note}")]
    private partial void LogRedis(string note);

    [LoggerMessage(16, LogLevel.Warning, "Job {JobId}: {Note}")]
    private partial void LogNote(string jobId, string note);

    [LoggerMessage(9, LogLevel.Information, "Workers desired: {Desired}. {Reason}")]
    private partial void LogDesired(int desired, string reason);

    [LoggerMessage(10, LogLevel.Warning, "Job {JobId}: waiting for workers, it needs at least {Minimum}")]
    private partial void LogWaiting(string jobId, int minimum);

    [LoggerMessage(11, LogLevel.Information, "Worker {WorkerId} was asked to hand in what it has in hand, and to end")]
    private partial void LogDraining(string workerId);

    [LoggerMessage(12, LogLevel.Warning, "Another scheduler is in charge; standing by until it is gone")]
    private partial void LogStandsBy();

    [LoggerMessage(13, LogLevel.Warning, "Redis had lost everything; job records that were written again: {Jobs}")]
    private partial void LogRewritten(int jobs);

    [LoggerMessage(14, LogLevel.Warning, "A change was refused")]
    private partial void LogRefused(Exception exception);

    [LoggerMessage(18, LogLevel.Information, "No other scheduler is in charge any more; this one is")]
    private partial void LogTookOver();

    [LoggerMessage(19, LogLevel.Error, "Parameter servers that are known here: {Shards}, fewer than job {JobId} has, and another scheduler is in charge of it; standing by until that one is gone. Set {Name} as it has it, or end this scheduler")]
    private partial void LogUnfit(int shards, string jobId, string name);

    [LoggerMessage(20, LogLevel.Error, "Job {JobId} is left as it is: {Error}")]
    private partial void LogLeftAlone(string jobId, string error);

    [LoggerMessage(15, LogLevel.Warning, "Worker {WorkerId} gets no work for {Seconds} s")]
    private partial void LogQuarantined(string workerId, double seconds);
}

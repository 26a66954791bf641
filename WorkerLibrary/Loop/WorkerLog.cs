using Lockstep.Contracts;
using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Loop;

internal static partial class WorkerLog
{
    [LoggerMessage(100, LogLevel.Information, "Job {JobId}: {Elements} elements on {Shards} shards, {TotalSteps} steps of {Slots} slots")]
    public static partial void Opened(this ILogger logger, string jobId, long elements, int shards, long totalSteps, int slots);

    [LoggerMessage(101, LogLevel.Information, "Job {JobId}: started at {Cursor}")]
    public static partial void Started(this ILogger logger, string jobId, Cursor cursor);

    [LoggerMessage(102, LogLevel.Information, "Job {JobId}: finished at version {Step}")]
    public static partial void Finished(this ILogger logger, string jobId, long step);

    [LoggerMessage(103, LogLevel.Information, "Job {JobId}: left at {Cursor}; what was computed is pushed")]
    public static partial void Drained(this ILogger logger, string jobId, Cursor cursor);

    [LoggerMessage(104, LogLevel.Warning, "Job {JobId}: {Warning}")]
    public static partial void DataWarning(this ILogger logger, string jobId, InputError warning);

    [LoggerMessage(111, LogLevel.Debug, "Job {JobId}, {Cursor}: a shard refused slots {Slots}, of which it lacks {Missing}; these are pushed one by one")]
    public static partial void Refused(this ILogger logger, string jobId, Cursor cursor, string slots, string missing);

    [LoggerMessage(112, LogLevel.Warning, "Job {JobId}, {Cursor}: a shard is behind, at {ShardCursor}; waiting for it")]
    public static partial void ShardBehind(this ILogger logger, string jobId, Cursor cursor, Cursor shardCursor);

    [LoggerMessage(114, LogLevel.Warning, "Job {JobId}: shard {Shard} does not have the job ({Reason}); waiting until it is taken up again")]
    public static partial void ShardLost(this ILogger logger, string jobId, int shard, string reason);

    [LoggerMessage(115, LogLevel.Warning, "Job {JobId}: shard {Shard} was taken back to the start; giving it the initial values again")]
    public static partial void ShardNeedsValues(this ILogger logger, string jobId, int shard);

    [LoggerMessage(120, LogLevel.Error, "Job {JobId}, {Cursor}: shard {Shard} has other bits for slots {Slots} than this worker computed. Broken hardware, or a model that is not deterministic: the run cannot be proved any more")]
    public static partial void Mismatched(this ILogger logger, string jobId, Cursor cursor, int shard, string slots);
}

using System.Diagnostics.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;
using Lockstep.ServiceDefaults.Telemetry;

namespace Lockstep.ParameterServer;

/// <summary>Telemetry and log of one parameter server. Times are in seconds.</summary>
internal sealed partial class ShardMetrics : IShardObserver
{
    private readonly ILogger<ShardMetrics> _logger;
    private readonly Histogram<double> _barrier;
    private readonly Histogram<double> _update;
    private readonly Histogram<double> _sync;
    private readonly Histogram<double> _checkpoint;
    private readonly Histogram<double> _blocked;
    private readonly Histogram<double> _restore;
    private readonly Counter<long> _steps;
    private readonly Counter<long> _contributions;
    private readonly Counter<long> _escapes;
    private readonly Histogram<int> _unusedBits;
    private readonly Counter<long> _checkpointFailures;
    private readonly Counter<long> _ledgerAlarms;

    public ShardMetrics(IMeterFactory meters, ILogger<ShardMetrics> logger)
    {
        _logger = logger;
        Meter meter = meters.Create("Lockstep.ParameterServer");
        _barrier = meter.CreateDurationHistogram("lockstep.shard.barrier.duration", "First contribution in → last contribution in.");
        _update = meter.CreateDurationHistogram("lockstep.shard.update.duration", "Last contribution in → next version computed on this shard.");
        _sync = meter.CreateLatencyHistogram("lockstep.sync.duration", "Sync latency: last contribution in → next version held by the worker, as the workers report it.");
        _checkpoint = meter.CreateDurationHistogram("lockstep.shard.checkpoint.duration", "Writing this shard's part of a checkpoint, beside training.");
        _blocked = meter.CreateDurationHistogram("lockstep.shard.checkpoint.blocked.duration", "What a checkpoint held training up: copying the state, and waiting for the write before.");
        _restore = meter.CreateDurationHistogram("lockstep.shard.restore.duration", "Taking a job up again from a checkpoint.");
        _steps = meter.CreateCounter<long>("lockstep.shard.steps", "{step}", "Steps done.");
        _contributions = meter.CreateCounter<long>("lockstep.shard.contributions", "{contribution}", "Contributions by what became of them.");
        _escapes = meter.CreateCounter<long>("lockstep.shard.escapes", "{block}", "Blocks of which some slot exceeded the expected range.");
        _unusedBits = meter.CreateHistogram("lockstep.shard.range.unused", "{bit}", "Bits of a sum that a range left unused: no more in 99% of a step's blocks.", tags: null, new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 3, 4, 6, 8, 12, 16, 24] });
        _checkpointFailures = meter.CreateCounter<long>("lockstep.shard.checkpoint.failures", "{failure}", "Tries to write a checkpoint that the disk did not take.");
        _ledgerAlarms = meter.CreateCounter<long>("lockstep.shard.ledger.alarms", "{step}", "Repeated steps that gave another line of the ledger than at first.");
    }

    public void Opened(JobDescriptor descriptor, int elements, long bytes) => LogOpened(descriptor.JobId, elements, bytes / 1048576.0, descriptor.Shards, descriptor.Slots, descriptor.TotalSteps);

    public void Stepped(string jobId, CommittedStep step, double gatherMs, double updateMs)
    {
        _barrier.Record(gatherMs / 1000);
        _update.Record(updateMs / 1000);
        if (step.Counters.SyncMs > 0)
        {
            _sync.Record(step.Counters.SyncMs / 1000);
        }

        _steps.Add(1);
        _escapes.Add(step.EscapedBlocks);
        _unusedBits.Record(step.UnusedBits);
        Count("accepted", step.Counters.Accepted);
        Count("duplicate", step.Counters.Duplicate);
        Count("stale", step.Counters.Stale);
        Count("refused", step.Counters.Refused);
        Count("mismatched", step.Counters.Mismatched);
    }

    public void CheckpointWritten(string jobId, long version, double elapsedMs)
    {
        _checkpoint.Record(elapsedMs / 1000);
        LogCheckpoint(jobId, version, elapsedMs);
    }

    public void CheckpointFailed(string jobId, long version, Exception failure, bool tryAgain)
    {
        _checkpointFailures.Add(1);
        LogCheckpointFailed(jobId, version, failure.Message, tryAgain ? "it is tried again" : "training goes on, and the next checkpoint is the next try");
    }

    public void CheckpointBlocked(string jobId, long version, double copyMs, double waitMs) => _blocked.Record((copyMs + waitMs) / 1000);

    public void LogFailed(string jobId, Exception failure) => LogReportsNotWritten(jobId, failure.Message);

    public void Restored(string jobId, Cursor cursor, bool needsValues, double elapsedMs)
    {
        _restore.Record(elapsedMs / 1000);
        LogRestored(jobId, cursor, needsValues ? "waiting for initial values" : "from its checkpoint", elapsedMs);
    }

    public void LedgerDiffers(string jobId, Cursor cursor, string first, string now)
    {
        _ledgerAlarms.Add(1);
        LogLedgerDiffers(jobId, cursor, first, now);
    }

    public void Failed(string jobId, Exception failure) => LogFailed(failure, jobId);

    public void Closed(string jobId) => LogClosed(jobId);

    private void Count(string outcome, int count)
    {
        if (count > 0)
        {
            _contributions.Add(count, new KeyValuePair<string, object?>("outcome", outcome));
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Job {JobId}: {Elements} elements, {Mebibytes:F1} MiB; {Shards} shards, {Slots} slots, {Steps} steps")]
    private partial void LogOpened(string jobId, int elements, double mebibytes, int shards, int slots, long steps);

    [LoggerMessage(3, LogLevel.Debug, "Job {JobId}: checkpoint of version {Version} written in {Milliseconds:F1} ms")]
    private partial void LogCheckpoint(string jobId, long version, double milliseconds);

    [LoggerMessage(4, LogLevel.Error, "Job {JobId} cannot go on")]
    private partial void LogFailed(Exception failure, string jobId);

    [LoggerMessage(5, LogLevel.Information, "Job {JobId}: closed")]
    private partial void LogClosed(string jobId);

    [LoggerMessage(6, LogLevel.Warning, "Job {JobId}: the checkpoint of version {Version} could not be written ({Reason}); {Next}")]
    private partial void LogCheckpointFailed(string jobId, long version, string reason, string next);

    [LoggerMessage(7, LogLevel.Warning, "Job {JobId}: its report log could not be written or read ({Reason}); reports are given out all the same, and written with the next one")]
    private partial void LogReportsNotWritten(string jobId, string reason);

    [LoggerMessage(8, LogLevel.Warning, "Job {JobId}: taken up again at {Cursor}, {From}, in {Milliseconds:F1} ms")]
    private partial void LogRestored(string jobId, Cursor cursor, string from, double milliseconds);

    [LoggerMessage(9, LogLevel.Error, "Job {JobId}, {Cursor}: the step gave the ledger line {First} at first and {Now} when it was repeated. Broken hardware, or a model that is not deterministic: the run cannot be proved any more")]
    private partial void LogLedgerDiffers(string jobId, Cursor cursor, string first, string now);
}

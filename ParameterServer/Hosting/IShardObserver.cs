using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>Is told what happens on a shard. Must not throw, nor call the shard.</summary>
public interface IShardObserver
{
    void Opened(JobDescriptor descriptor, int elements, long bytes) { }

    void Stepped(string jobId, CommittedStep step, double gatherMs, double updateMs) { }

    void CheckpointWritten(string jobId, long version, double elapsedMs) { }

    /// <summary>A part or a set could not be written. Training goes on.</summary>
    /// <param name="tryAgain">It is tried again; otherwise the next checkpoint is the next try.</param>
    void CheckpointFailed(string jobId, long version, Exception failure, bool tryAgain) { }

    /// <summary>A checkpoint held training up: by copying the state, and by waiting until the one before was written.</summary>
    void CheckpointBlocked(string jobId, long version, double copyMs, double waitMs) { }

    /// <summary>ps-0: the report log could not be written or read; reports are still given out.</summary>
    void LogFailed(string jobId, Exception failure) { }

    /// <summary>The job was taken up from a checkpoint, or waits for initial values again.</summary>
    void Restored(string jobId, Cursor cursor, bool needsValues, double elapsedMs) { }

    /// <summary>ps-0: a step that was repeated gave another line of the ledger than at first. An alarm: hardware is broken, or the model is not deterministic.</summary>
    void LedgerDiffers(string jobId, Cursor cursor, string first, string now) { }

    void Failed(string jobId, Exception failure) { }

    void Closed(string jobId) { }
}

/// <summary>Is told and says nothing.</summary>
public sealed class SilentShardObserver : IShardObserver;

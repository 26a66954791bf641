namespace Lockstep.Core.Protocol;

/// <summary>Is told what happens on a shard. Called under no lock; must not throw.</summary>
public interface IShardObserver
{
    void Opened(JobDescriptor descriptor, int elements, long bytes) { }

    void Repeated(string jobId, Cursor cursor) { }

    void Stepped(string jobId, CommittedStep step, double gatherMs, double updateMs) { }

    void CheckpointWritten(string jobId, long version, double elapsedMs) { }

    void Failed(string jobId, Exception failure) { }

    void Closed(string jobId) { }
}

/// <summary>Is told and says nothing.</summary>
public sealed class SilentShardObserver : IShardObserver;

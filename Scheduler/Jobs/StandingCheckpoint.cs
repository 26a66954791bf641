using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Keeps a job that stands still as a checkpoint of where it stands: whatever ends meanwhile costs no step.</summary>
/// <param name="shards">All of the job's.</param>
internal sealed class StandingCheckpoint(IReadOnlyList<IShardControl> shards, string jobId, TimeProvider time)
{
    /// <summary>A disk that took no checkpoint is tried again after this.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(1);

    private Cursor? _seen;
    private Cursor? _asked;
    private long _askedAt;

    /// <summary>Looks whether all shards stand where they stood at the look before, and has them keep that where it is not kept yet.</summary>
    /// <param name="statuses">By shard.</param>
    /// <returns>The version, where a checkpoint of it is on disk; null: not yet.</returns>
    public async Task<long?> LookAsync(IReadOnlyList<ShardStatus> statuses, CancellationToken cancellation)
    {
        Cursor at = statuses[0].Cursor;
        if (statuses.Any(s => !s.Hosted || s.NeedsValues || s.Cursor != at))
        {
            _seen = null;
            return null;
        }

        if (statuses[0].DurableVersion >= at.Step)
        {
            return at.Step;
        }

        bool stands = _seen == at;
        _seen = at;
        if (stands && (_asked != at || time.GetElapsedTime(_askedAt) >= Again))
        {
            (_asked, _askedAt) = (at, time.GetTimestamp());
            await Task.WhenAll(shards.Select(shard => KeepAsync(shard, at.Step, cancellation)));
        }

        return null;
    }

    private async Task KeepAsync(IShardControl shard, long version, CancellationToken cancellation)
    {
        try
        {
            await shard.KeepAsync(jobId, version, cancellation);
        }
        catch (Exception exception) when (exception is ProtocolException or InvalidOperationException)
        {
            // It has just lost the job, which the next look shows, or is of a build that cannot do this.
        }
    }

    /// <summary>Whether it was this that had a version kept.</summary>
    public bool HasAsked(long version) => _asked?.Step == version;
}

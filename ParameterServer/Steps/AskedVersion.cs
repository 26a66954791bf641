using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>A checkpoint that somebody asked for beside those of the policy: which version it is, and who waits for it. Callers serialise the calls.</summary>
internal sealed class AskedVersion(JobDescriptor descriptor)
{
    // Which version it will be is known once all shards were told.
    private TaskCompletionSource<long>? _asked;
    private long? _version;

    /// <summary>Asks; who asks meanwhile gets the same.</summary>
    /// <param name="newest">The newest version.</param>
    /// <param name="isLast">The job ends there.</param>
    /// <returns>The version, once its set is on disk.</returns>
    public Task<long> Ask(long newest, bool isLast)
    {
        if (_asked is null)
        {
            _asked = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            // The last version is kept anyway, and no other comes after it.
            _version = isLast ? newest : null;
            // Nobody may be waiting any more when it fails.
            _ = _asked.Task.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }

        return _asked.Task;
    }

    /// <summary>The job was taken up at a version: what was asked for is cut in this generation then.</summary>
    public void Begin(long version) => _version = _asked is not null && version == descriptor.TotalSteps ? version : null;

    /// <summary>Whether this version is the one.</summary>
    public bool Is(long version) => version == _version;

    /// <summary>Decides, once for all shards, whether the version after the newest is the one.</summary>
    /// <param name="isLast">The job ends at the newest.</param>
    public bool TakesAfter(long newest, bool isLast)
    {
        if (_asked is null || _version is not null)
        {
            return false;
        }

        // The last version is kept anyway, and none comes after it.
        _version = isLast ? newest : newest + 1;
        return !isLast;
    }

    /// <summary>The job ends at a version: nobody waits for a later one.</summary>
    /// <param name="isDurable">Its set is on disk.</param>
    public void End(long version, bool isDurable)
    {
        if (_version > version)
        {
            _version = version;
            if (isDurable)
            {
                Answer(version, null);
            }
        }
    }

    /// <summary>The set of a version is on disk, or could not be written.</summary>
    /// <param name="failure">Null: it is on disk.</param>
    public void Answer(long version, string? failure)
    {
        if (_asked is null || _version is not { } wanted || (failure is null ? version < wanted : version != wanted))
        {
            return;
        }

        if (failure is null)
        {
            _asked.TrySetResult(version);
        }
        else
        {
            _asked.TrySetException(new ProtocolException(ProtocolError.Checkpoint, $"Job {descriptor.JobId}: the checkpoint could not be written to {descriptor.CheckpointDirectory}: {failure} Free space or correct the rights, then ask again."));
        }

        (_asked, _version) = (null, null);
    }

    /// <summary>The job cannot go on.</summary>
    public void Fail(Exception failure) => _asked?.TrySetException(failure);
}

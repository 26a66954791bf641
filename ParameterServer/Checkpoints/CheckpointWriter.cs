using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;

namespace Lockstep.ParameterServer.Checkpoints;

/// <summary>Writes a shard's parts of checkpoints beside training, one at a time, and tells ps-0 what became of each. A part that cannot be written stops nothing but, after a time, the end of the job.</summary>
/// <param name="tell">Tells ps-0.</param>
/// <param name="fail">Ends the job.</param>
/// <param name="closed">The job is no longer this one's.</param>
internal sealed class CheckpointWriter(JobDescriptor descriptor, ShardContext context, Func<CheckpointNotice, Task> tell, Action<Exception> fail, CancellationToken closed)
{
    private readonly Lock _gate = new();
    private Task _written = Task.CompletedTask;

    /// <value>Done when nothing is being written.</value>
    public Task Written
    {
        get
        {
            lock (_gate)
            {
                return _written;
            }
        }
    }

    /// <value>Why the last part is not on disk yet, while it is tried again; null: nothing stands in its way.</value>
    public string? FinalFailure { get; private set; }

    /// <summary>Begins to write a snapshot, once the one before is written: a slow disk holds training back rather than filling the memory.</summary>
    /// <returns>Milliseconds of that wait.</returns>
    public async Task<double> BeginAsync(ShardSnapshot state)
    {
        long started = context.Time.GetTimestamp();
        while (true)
        {
            Task before = Written;
            await before.WaitAsync(closed);
            lock (_gate)
            {
                if (_written == before)
                {
                    _written = Task.Run(() => WriteAsync(state), CancellationToken.None);
                    return context.Time.GetElapsedTime(started).TotalMilliseconds;
                }
            }
        }
    }

    /// <summary>What is said of a checkpoint that the job cannot do without, and that was given up.</summary>
    public static ProtocolException NotWritten(JobDescriptor descriptor, long version, Exception failure) =>
        new(ProtocolError.Checkpoint, $"Job {descriptor.JobId}: the {(version == descriptor.TotalSteps ? "final checkpoint, of" : "checkpoint of an evaluated version, which may be the best, of")} version {version}, could not be written to {descriptor.CheckpointDirectory} within {DiskPatience.Final.TotalMinutes:0} minutes: {failure.Message} Free space or correct the rights, then resume.");

    private async Task WriteAsync(ShardSnapshot state)
    {
        try
        {
            long started = context.Time.GetTimestamp();
            string? sha256 = null;
            string? failure = null;
            bool mustKeep = descriptor.MustKeep(state.Version);
            try
            {
                await DiskPatience.RunAsync(() => sha256 = Write(state), mustKeep, context.Time, (exception, again) =>
                {
                    failure = exception.Message;
                    FinalFailure = again ? failure : null;
                    context.Observer.CheckpointFailed(descriptor.JobId, state.Version, exception, again);
                }, closed);
                FinalFailure = null;
            }
            catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception))
            {
                if (mustKeep)
                {
                    throw NotWritten(descriptor, state.Version, exception);
                }
            }

            double elapsed = context.Time.GetElapsedTime(started).TotalMilliseconds;
            await tell(new CheckpointNotice(state.Generation, state.Version, state.Shard, sha256, sha256 is null ? failure : null, elapsed));
            if (sha256 is not null)
            {
                context.Observer.CheckpointWritten(descriptor.JobId, state.Version, elapsed);
            }
        }
        catch (OperationCanceledException) when (closed.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            fail(exception);
        }
    }

    private string Write(ShardSnapshot state)
    {
        string directory = CheckpointSet.DirectoryOf(descriptor.CheckpointDirectory, state.Version);
        context.Files.CreateDirectory(directory);
        return CheckpointPart.Write(Path.Combine(directory, CheckpointPart.FileName(state.Shard, descriptor.Shards, state.Generation)), descriptor, state, context.Files);
    }
}

using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Redis;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>A job from its first step to what is recorded of its end.</summary>
internal sealed partial class JobManager
{
    private void Follow(JobRun job, bool resumed) => _ = Task.Run(async () =>
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_stopping, job.Stop.Token);
        var follower = new JobFollower(job, fleet, scaler, store, telemetry, configuration, time, loggers.CreateLogger<JobFollower>());
        _followers[job.Id] = follower;
        try
        {
            await follower.RunAsync(resumed, stop.Token);
            await EndAsync(job, JobState.Finished, null);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (InputException exception) when (exception.Errors.All(error => error.File == InputException.ProcessEnvironment))
        {
            // That this scheduler is set up wrongly is no fault of the job's: one that is not goes on with it.
            LogLeftAlone(job.Id, exception.Message);
            job.Append(fleet.CountOf(job.Id), null, $"this scheduler cannot follow the job, and leaves it as it is: {exception.Message}");
        }
        catch (InputException exception)
        {
            await EndAsync(job, JobState.Failed, JobStatus.BadInput + exception.Message);
        }
        catch (Exception exception)
        {
            LogFollowFailed(exception, job.Id);
            await EndAsync(job, JobState.Failed, exception.Message);
        }
    }, CancellationToken.None);

    private async Task EndAsync(JobRun job, JobState state, string? error)
    {
        if (job.IsOver)
        {
            return;
        }

        if (state == JobState.Failed && error?.StartsWith(JobStatus.BadInput, StringComparison.Ordinal) == false && CheckpointSet.List(job.Folder.Checkpoints).LastOrDefault() is > 0 and long newest)
        {
            error += FormattableString.Invariant($" The newest checkpoint is that of step {newest}.");
        }

        (state, error) = await RecordEndAsync(job, state, error);
        if (!job.TrySetState(state, error))
        {
            return;
        }

        LogEnded(job.Id, state, error is null ? "" : $": {error}");
        telemetry.Ended(job, state, error);
        await store.SetStateAsync(job.Id, state, error, job.Progress, _stopping);
        await job.Stop.CancelAsync();
        job.Append(fleet.CountOf(job.Id), null);
        fleet.Release(job.Id);
        await CloseAsync(job);
        await StaffAsync();
    }

    /// <summary>Model and summary are there before anybody is told that the job is over.</summary>
    private async Task<(JobState State, string? Error)> RecordEndAsync(JobRun job, JobState state, string? error)
    {
        if (!_followers.TryRemove(job.Id, out JobFollower? follower))
        {
            return (state, error);
        }

        try
        {
            await Task.Run(() => follower.Finish(state, error), _stopping);
            return (state, error);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ProtocolException)
        {
            LogNotRecorded(exception, job.Id);
            return (JobState.Failed, error ?? $"The result cannot be written to {job.Folder.Path}: {exception.Message} Free space or correct the rights, then resume.");
        }
    }

    private async Task CloseAsync(JobRun job)
    {
        // What cannot be reached has nothing to close: a parameter server that starts anew hosts no job.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stopping);
        patience.CancelAfter(TimeSpan.FromSeconds(5));
        try
        {
            foreach (IShardControl shard in ShardClients.FromConfiguration(configuration, job.Spec.Shards, time))
            {
                await using (shard)
                {
                    await shard.CloseAsync(job.Id, patience.Token);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or InputException)
        {
            LogNotClosed(exception, job.Id);
        }
    }
}

using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>What a worker does about a shard that lost the job, its process having died: it waits until the scheduler has taken the job up again, and gives the initial values where they are asked for.</summary>
internal sealed class LostShards(TrainingJob job, ITrainer trainer, ComputeThread compute, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(320);

    /// <summary>Where a shard stands that knows nothing of the job: behind everything.</summary>
    private static readonly PushResult Nothing = new(PushStatus.Stale, new Cursor(-1, 0, 0), [], []);

    /// <summary>Whether a call failed because the job is no longer, or not yet again, at the shard as it was.</summary>
    public static bool IsLoss(ProtocolException exception) => exception.Error is ProtocolError.UnknownJob or ProtocolError.Superseded;

    /// <summary>Opens the job on shards and gives the values of version 0 to those that wait for them.</summary>
    public async Task OpenAsync(IReadOnlyList<IShardClient> shards, CancellationToken cancellation)
    {
        bool[] waiting = await ShardCalls.AllAsync(shards, (shard, stop) => shard.OpenAsync(job.Descriptor, stop), cancellation);
        if (!waiting.Contains(true))
            return;
        if (job.Descriptor.ResumeStep is { } step)
            throw new InvalidOperationException($"Job {job.Descriptor.JobId} resumes from the checkpoint of step {step}, but a shard asks for initial values: its part of the checkpoint is missing in {job.Descriptor.CheckpointDirectory}.");
        var initial = new float[job.Layout.Elements];
        await compute.RunAsync(() => trainer.CopyInitial(initial));
        await ShardCalls.AllAsync(shards.Where((_, index) => waiting[index]), (shard, stop) => InitializeAsync(shard, initial, stop), cancellation);
    }

    /// <summary>Pulls, and goes on pulling for as long as the shard does not have the job.</summary>
    public async Task<ShardView> PullAsync(IShardClient shard, Cursor? after, long heldStep, WorkerPace pace, CancellationToken cancellation)
    {
        for (TimeSpan pause = First; ; pause = pause < Longest ? pause * 2 : pause)
        {
            try
            {
                return await shard.PullAsync(job.Descriptor.JobId, after, heldStep, pace, cancellation);
            }
            catch (ProtocolException exception) when (exception.Error == ProtocolError.NeedsValues)
            {
                logger.ShardNeedsValues(job.Descriptor.JobId, shard.Shard);
                await OpenAsync([shard], cancellation);
            }
            catch (ProtocolException exception) when (IsLoss(exception))
            {
                if (pause == First)
                    logger.ShardLost(job.Descriptor.JobId, shard.Shard, exception.Message);
                await Task.Delay(pause, time, cancellation);
            }
        }
    }

    /// <summary>Pushes; a shard that does not have the job lacks every slot.</summary>
    public async Task<PushResult> PushAsync(IShardClient shard, Contribution contribution, CancellationToken cancellation)
    {
        try
        {
            return await shard.PushAsync(contribution, cancellation);
        }
        catch (ProtocolException exception) when (IsLoss(exception))
        {
            return Nothing;
        }
    }

    /// <summary>Slots that a shard lacks; none where it does not have the job, since nothing can be brought to it.</summary>
    public async Task<IReadOnlyList<int>> MissingAsync(IShardClient shard, Cursor cursor, CancellationToken cancellation)
    {
        try
        {
            return await shard.MissingAsync(job.Descriptor.JobId, cursor, cancellation);
        }
        catch (ProtocolException exception) when (IsLoss(exception))
        {
            return [];
        }
    }

    /// <summary>Waits until the first shard says that nothing more will be reported of the job.</summary>
    /// <returns>False: it lost the job.</returns>
    public async Task<bool> WaitOverAsync(IShardClient first, CancellationToken cancellation)
    {
        try
        {
            // From a number that no report has: the stream ends with the job.
            await foreach (StepReport _ in first.WatchAsync(job.Descriptor.JobId, long.MaxValue, cancellation))
            {
            }

            return true;
        }
        catch (ProtocolException exception) when (IsLoss(exception))
        {
            return false;
        }
    }

    private async Task InitializeAsync(IShardClient shard, float[] initial, CancellationToken cancellation)
    {
        try
        {
            await shard.InitializeAsync(job.Descriptor.JobId, job.Layout.Gather(shard.Shard, initial), cancellation);
        }
        catch (ProtocolException exception) when (IsLoss(exception))
        {
            // It lost the job since it was opened; the pull that follows waits for it.
        }
    }
}

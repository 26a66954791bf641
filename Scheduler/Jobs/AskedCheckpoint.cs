using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Keeps a job as a checkpoint because a person asked for that.</summary>
internal sealed class AskedCheckpoint(Term term, IConfiguration configuration, TimeProvider time)
{
    /// <summary>How long a person who asks for a checkpoint is kept waiting; clients wait for any answer for 30 s.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(25);

    /// <summary>Between two looks whether a job stands still.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Keeps the version after the step in hand as a checkpoint; that where the job stands, where it is halted or waits for workers.</summary>
    /// <returns>The version, once it is on disk.</returns>
    /// <exception cref="ProtocolException">It cannot be written, or the shards do not have the job.</exception>
    /// <exception cref="TimeoutException">No step was finished for too long, or the disk took too long.</exception>
    public async Task<long> KeepAsync(ScheduledJob job, CancellationToken cancellation)
    {
        CancellationToken ends = term.Token;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation, ends);
        patience.CancelAfter(Patience);
        IReadOnlyList<IShardControl> shards = ShardClients.FromConfiguration(configuration, job.Spec.Shards, time);
        try
        {
            long version = job.State == Contracts.Services.JobState.Running ? await shards[0].CheckpointAsync(job.Id, patience.Token) : await KeepStandingAsync(job, shards, patience.Token);
            job.Append(FormattableString.Invariant($"a checkpoint was asked for; that of step {version} is on disk"));
            return version;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && !ends.IsCancellationRequested)
        {
            throw new TimeoutException();
        }
        finally
        {
            foreach (IShardControl shard in shards)
            {
                await shard.DisposeAsync();
            }
        }
    }

    private async Task<long> KeepStandingAsync(ScheduledJob job, IReadOnlyList<IShardControl> shards, CancellationToken cancellation)
    {
        var standing = new StandingCheckpoint(shards, job.Id, time);
        while (true)
        {
            ShardStatus[] statuses = await Task.WhenAll(shards.Select(shard => shard.StatusAsync(job.Id, cancellation)));
            if (!statuses.Any(s => s.Hosted))
            {
                throw new ProtocolException(ProtocolError.UnknownJob, $"Job {job.Id} has not begun: there is nothing to keep yet.");
            }

            if (await standing.LookAsync(statuses, cancellation) is { } version)
            {
                return version;
            }

            await Task.Delay(Pause, time, cancellation);
        }
    }
}

using Lockstep.Contracts;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Closes jobs on their shards.</summary>
internal sealed class ShardCloser(IConfiguration configuration, TimeProvider time, ILogger<ShardCloser> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Closes a job. A shard that cannot be reached has nothing to close: a parameter server that starts anew hosts no job.</summary>
    public async Task CloseAsync(ScheduledJob job, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            await Task.WhenAll(ShardClients.FromConfiguration(configuration, job.Spec.Shards, time).Select(shard => CloseAsync(shard, job.Id, patience.Token)));
        }
        catch (Exception exception) when (exception is OperationCanceledException or InputException)
        {
            logger.NotClosed(exception, job.Id);
        }
    }

    private static async Task CloseAsync(IShardControl shard, string jobId, CancellationToken cancellation)
    {
        await using (shard)
        {
            await shard.CloseAsync(jobId, cancellation);
        }
    }
}

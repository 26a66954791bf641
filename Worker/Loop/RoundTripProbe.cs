using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>Measures how long a small question takes to each shard and back, beside training.</summary>
internal sealed class RoundTripProbe(string jobId, IReadOnlyList<IShardWork> shards, WorkerMetrics metrics, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>Asks again and again. Never throws.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            using var timer = new PeriodicTimer(Interval, time);
            while (await timer.WaitForNextTickAsync(cancellation))
                await Task.WhenAll(shards.Select(shard => AskAsync(shard, cancellation)));
        }
        catch (OperationCanceledException)
        {
            // The job is over.
        }
    }

    private async Task AskAsync(IShardWork shard, CancellationToken cancellation)
    {
        try
        {
            long started = time.GetTimestamp();
            await shard.StatusAsync(jobId, cancellation);
            metrics.RoundTrip(shard.Shard, shard.Path, time.GetElapsedTime(started));
        }
        catch (Exception exception) when (exception is ProtocolException or InvalidOperationException)
        {
            // The training loop asks the same shard, and knows what to make of it.
        }
    }
}

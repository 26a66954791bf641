using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport;

/// <summary>What ps-0 tells of a job: its reports, and what workers have in hand. Other shards refuse.</summary>
public interface IShardFeed : IShardConnection
{
    /// <summary>Reports from number <paramref name="from"/> on (0-based), then new ones as they come; ends after the one that says Finished.</summary>
    IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation);

    /// <summary>What a worker has in hand, or left behind when its stream ended, in a step that is not over; null: nothing.</summary>
    Task<AbandonedSlots?> InHandAsync(string jobId, string workerId, CancellationToken cancellation);
}

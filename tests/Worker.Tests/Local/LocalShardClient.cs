using System.Runtime.CompilerServices;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Tests.Local;

/// <summary>The protocol without a wire: client and shard in one process.</summary>
internal sealed class LocalShardClient(IShardHost host, int shard) : IShardWork, IShardControl, IShardFeed
{
    public int Shard => shard;

    public string Path => "local";

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => host.OpenAsync(descriptor, cancellation);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => host.InitializeAsync(jobId, values, cancellation);

    public Task<JobDescriptor?> DescribeAsync(string jobId, CancellationToken cancellation) => Task.FromResult(host.Describe(jobId));

    public Task WorkAsync(string jobId, string workerId, IStepReceiver receiver, CancellationToken cancellation) => new LocalStepStream(host, shard, receiver).RunAsync(jobId, workerId, cancellation);

    public Task<AbandonedSlots?> InHandAsync(string jobId, string workerId, CancellationToken cancellation) => Task.FromResult(host.InHand(jobId, workerId));

    public IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation) => host.WatchAsync(jobId, from, cancellation);

    public Task<long> CheckpointAsync(string jobId, CancellationToken cancellation) => host.CheckpointAsync(jobId, cancellation);

    public Task CloseAsync(string jobId, CancellationToken cancellation) => host.CloseAsync(jobId, cancellation);

    public Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation) => host.RestoreAsync(descriptor, term, generation, version, cancellation);

    public Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation) => Task.FromResult(host.Status(jobId));

    public Task<bool> KeepAsync(string jobId, long version, CancellationToken cancellation) => host.KeepAsync(jobId, version);

    public Task<CheckpointInventory> CheckpointsAsync(JobDescriptor descriptor, CancellationToken cancellation) => Task.FromResult(host.Checkpoints(descriptor));

    public async IAsyncEnumerable<ShardPresence> PresenceAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        yield return new ShardPresence(true, host.Incarnation);
        await Task.Delay(Timeout.Infinite, cancellation);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

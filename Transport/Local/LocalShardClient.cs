using System.Runtime.CompilerServices;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport;

/// <summary>The protocol without a wire: client and shard in one process, for replaying and for tests.</summary>
public sealed class LocalShardClient(IShardHost host, int shard) : IShardClient
{
    public int Shard => shard;

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => host.OpenAsync(descriptor, cancellation);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => host.InitializeAsync(jobId, values, cancellation);

    public Task<JobDescriptor?> DescribeAsync(string jobId, CancellationToken cancellation) => Task.FromResult(host.Describe(jobId));

    public async Task<ShardView> PullAsync(string jobId, Cursor? after, long heldStep, WorkerPace pace, CancellationToken cancellation)
    {
        using PulledVersion version = await host.PullAsync(jobId, after, heldStep, pace, cancellation);
        return Copy(version);
    }

    public Task<ShardView?> PullAtAsync(string jobId, Cursor cursor, long heldStep, CancellationToken cancellation)
    {
        using PulledVersion? version = host.PullAt(jobId, cursor, heldStep);
        return Task.FromResult(version is null ? null : Copy(version));
    }

    public Task<PushResult> PushAsync(Contribution contribution, CancellationToken cancellation)
    {
        using IPushSession session = host.BeginPush(contribution with { Chunks = [] });
        foreach (ChunkSum chunk in contribution.Chunks)
        {
            session.Add(chunk);
        }

        return Task.FromResult(session.Complete());
    }

    public Task<IReadOnlyList<int>> MissingAsync(string jobId, Cursor cursor, CancellationToken cancellation) => Task.FromResult(host.Missing(jobId, cursor));

    public Task ReportEvaluationAsync(string jobId, Cursor cursor, int slot, string workerId, EvaluationPart part, CancellationToken cancellation)
    {
        host.ReportEvaluation(jobId, cursor, slot, workerId, part);
        return Task.CompletedTask;
    }

    public Task WaitEvaluatedAsync(string jobId, Cursor cursor, CancellationToken cancellation) => host.WaitEvaluatedAsync(jobId, cursor, cancellation);

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

    private static ShardView Copy(PulledVersion version) => new(version.Cursor, version.Finished, version.Values?.ToArray(), version.Hints.ToArray(), version.AgeMs);
}

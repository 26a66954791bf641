using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>A worker's way to a shard of the same process, message by message and chunk by chunk.</summary>
internal sealed class WiredShard(ShardHost host, int shard, string worker, IWire wire) : IShardClient
{
    private readonly LocalShardClient _client = new(host, shard);

    public int Shard => shard;

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) =>
        CallAsync(MessageKind.Open, default, () => _client.OpenAsync(descriptor, cancellation), cancellation);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) =>
        CallAsync(MessageKind.Initialize, default, () => Done(_client.InitializeAsync(jobId, values, cancellation)), cancellation);

    public Task<JobDescriptor?> DescribeAsync(string jobId, CancellationToken cancellation) => _client.DescribeAsync(jobId, cancellation);

    public Task<ShardView> PullAsync(string jobId, Cursor? after, long heldStep, WorkerPace pace, CancellationToken cancellation) =>
        CallAsync(MessageKind.Pull, after ?? default, () => _client.PullAsync(jobId, after, heldStep, pace, cancellation), cancellation);

    public Task<ShardView?> PullAtAsync(string jobId, Cursor cursor, long heldStep, CancellationToken cancellation) =>
        CallAsync(MessageKind.PullAt, cursor, () => _client.PullAtAsync(jobId, cursor, heldStep, cancellation), cancellation);

    public Task<PushResult> PushAsync(Contribution contribution, CancellationToken cancellation) => CallAsync(MessageKind.Push, contribution.Cursor, async () =>
    {
        int[] slots = SlotsOf(contribution);
        using IPushSession session = host.BeginPush(contribution with { Chunks = [] });
        foreach (ChunkSum chunk in contribution.Chunks)
        {
            await wire.BeforeAsync(new Message(MessageKind.Chunk, worker, shard, contribution.Cursor, slots), cancellation);
            session.Add(chunk);
        }

        PushResult result = session.Complete();
        if (!wire.SendsAgain(new Message(MessageKind.Push, worker, shard, contribution.Cursor, slots)))
        {
            return result;
        }

        // The first answer was lost.
        return await _client.PushAsync(contribution, cancellation);
    }, cancellation, SlotsOf(contribution));

    public Task<IReadOnlyList<int>> MissingAsync(string jobId, Cursor cursor, CancellationToken cancellation) =>
        CallAsync(MessageKind.Missing, cursor, () => _client.MissingAsync(jobId, cursor, cancellation), cancellation);

    public Task ReportEvaluationAsync(string jobId, Cursor cursor, int slot, string workerId, EvaluationPart part, CancellationToken cancellation) =>
        CallAsync(MessageKind.ReportEvaluation, cursor, () => Done(_client.ReportEvaluationAsync(jobId, cursor, slot, workerId, part, cancellation)), cancellation);

    public Task WaitEvaluatedAsync(string jobId, Cursor cursor, CancellationToken cancellation) =>
        CallAsync(MessageKind.WaitEvaluated, cursor, () => Done(_client.WaitEvaluatedAsync(jobId, cursor, cancellation)), cancellation);

    public IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation) => _client.WatchAsync(jobId, from, cancellation);

    public Task<long> CheckpointAsync(string jobId, CancellationToken cancellation) => _client.CheckpointAsync(jobId, cancellation);

    public Task CloseAsync(string jobId, CancellationToken cancellation) => _client.CloseAsync(jobId, cancellation);

    public Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation) => _client.RestoreAsync(descriptor, term, generation, version, cancellation);

    public Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation) => _client.StatusAsync(jobId, cancellation);

    public Task<bool> KeepAsync(string jobId, long version, CancellationToken cancellation) => _client.KeepAsync(jobId, version, cancellation);

    public Task<CheckpointInventory> CheckpointsAsync(JobDescriptor descriptor, CancellationToken cancellation) => _client.CheckpointsAsync(descriptor, cancellation);

    public IAsyncEnumerable<ShardPresence> PresenceAsync(CancellationToken cancellation) => _client.PresenceAsync(cancellation);

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private static int[] SlotsOf(Contribution contribution) => [.. contribution.Reports.Select(r => r.Slot)];

    private async Task<T> CallAsync<T>(MessageKind kind, Cursor cursor, Func<Task<T>> call, CancellationToken cancellation, int[]? slots = null)
    {
        var message = new Message(kind, worker, shard, cursor, slots ?? []);
        await wire.BeforeAsync(message, cancellation);
        cancellation.ThrowIfCancellationRequested();
        T result = await call();
        await wire.AfterAsync(message, cancellation);
        return result;
    }

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }
}

using System.Collections;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Faults;

/// <summary>A connection to a shard on which messages meet faults, and whose worker ends at a phase of a step where that is asked for.</summary>
/// <param name="shards">How many the job has.</param>
internal sealed class FaultyShardClient(IShardClient inner, int shards, WorkerFaults faults, TimeProvider time) : IShardClient
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly MessageFaults _messages = new(inner.Shard, faults, time);

    public int Shard => inner.Shard;

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => _messages.CallAsync(() => inner.OpenAsync(descriptor, cancellation), cancellation);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => CallAsync(() => inner.InitializeAsync(jobId, values, cancellation), cancellation);

    public Task<JobDescriptor?> DescribeAsync(string jobId, CancellationToken cancellation) => _messages.CallAsync(() => inner.DescribeAsync(jobId, cancellation), cancellation);

    public async Task<ShardView> PullAsync(string jobId, Cursor? after, long heldStep, WorkerPace pace, CancellationToken cancellation)
    {
        if (after is { } version)
        {
            faults.Reach(FaultPhase.Wait, version.Step);
        }

        ShardView view = await _messages.CallAsync(() => inner.PullAsync(jobId, after, heldStep, pace, cancellation), cancellation);
        faults.Step = view.Cursor.Step;
        faults.Reach(FaultPhase.Pull, view.Cursor.Step);
        return view;
    }

    public Task<ShardView?> PullAtAsync(string jobId, Cursor cursor, long heldStep, CancellationToken cancellation) => _messages.CallAsync(() => inner.PullAtAsync(jobId, cursor, heldStep, cancellation), cancellation);

    public async Task<PushResult> PushAsync(Contribution contribution, CancellationToken cancellation)
    {
        long step = contribution.Cursor.Step;
        faults.Reach(FaultPhase.PushBefore, step);
        if (Shard == 0)
        {
            faults.BrokenPush = null;
        }

        bool isBroken = Shard == shards - 1 && faults.IsPending(FaultPhase.PushInChunk, step);
        // What is waited for does not come where another shard cannot take its part: the next push is as good.
        while (Shard > 0 && faults.BrokenPush != contribution.Cursor && (faults.IsPending(FaultPhase.PushAfterOneShard, step) || (!isBroken && faults.IsPending(FaultPhase.PushInChunk, step))))
        {
            await Task.Delay(Pause, time, cancellation);
        }

        Contribution sent = isBroken ? contribution with { Chunks = new BreakingChunks(contribution.Chunks, () => faults.Reach(FaultPhase.PushInChunk, step)) } : contribution;
        PushResult result;
        try
        {
            result = await _messages.CallAsync(() => inner.PushAsync(sent, cancellation), cancellation);
        }
        catch
        {
            faults.BrokenPush = contribution.Cursor;
            throw;
        }

        if (Shard == 0)
        {
            faults.Reach(FaultPhase.PushAfterOneShard, step);
        }

        return result;
    }

    public Task<IReadOnlyList<int>> MissingAsync(string jobId, Cursor cursor, CancellationToken cancellation) => _messages.CallAsync(() => inner.MissingAsync(jobId, cursor, cancellation), cancellation);

    public Task ReportEvaluationAsync(string jobId, Cursor cursor, int slot, string workerId, EvaluationPart part, CancellationToken cancellation) =>
        CallAsync(() => inner.ReportEvaluationAsync(jobId, cursor, slot, workerId, part, cancellation), cancellation);

    public Task WaitEvaluatedAsync(string jobId, Cursor cursor, CancellationToken cancellation) => CallAsync(() => inner.WaitEvaluatedAsync(jobId, cursor, cancellation), cancellation);

    public IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation) => inner.WatchAsync(jobId, from, cancellation);

    public Task<long> CheckpointAsync(string jobId, CancellationToken cancellation) => inner.CheckpointAsync(jobId, cancellation);

    public Task CloseAsync(string jobId, CancellationToken cancellation) => inner.CloseAsync(jobId, cancellation);

    public Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation) => inner.RestoreAsync(descriptor, term, generation, version, cancellation);

    public Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation) => inner.StatusAsync(jobId, cancellation);

    public Task<bool> KeepAsync(string jobId, long version, CancellationToken cancellation) => inner.KeepAsync(jobId, version, cancellation);

    public Task<CheckpointInventory> CheckpointsAsync(JobDescriptor descriptor, CancellationToken cancellation) => inner.CheckpointsAsync(descriptor, cancellation);

    public IAsyncEnumerable<ShardPresence> PresenceAsync(CancellationToken cancellation) => inner.PresenceAsync(cancellation);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private Task CallAsync(Func<Task> call, CancellationToken cancellation) => _messages.CallAsync(
        async () =>
        {
            await call();
            return true;
        },
        cancellation);

    /// <summary>Chunks of which some are sent before the fault, and the rest, with the push's end, after it.</summary>
    private sealed class BreakingChunks(IReadOnlyList<ChunkSum> chunks, Action reach) : IReadOnlyList<ChunkSum>
    {
        public int Count => chunks.Count;

        public ChunkSum this[int index] => chunks[index];

        public IEnumerator<ChunkSum> GetEnumerator()
        {
            int first = Math.Max(1, chunks.Count / 2);
            foreach (ChunkSum chunk in chunks.Take(first))
            {
                yield return chunk;
            }

            reach();
            foreach (ChunkSum chunk in chunks.Skip(first))
            {
                yield return chunk;
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

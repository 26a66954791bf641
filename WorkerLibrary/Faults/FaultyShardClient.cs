using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Faults;

/// <summary>A connection to a shard on whose stream messages meet faults.</summary>
/// <param name="shards">How many the job has.</param>
internal sealed class FaultyShardClient(IShardWork inner, int shards, WorkerFaults faults, TimeProvider time) : IShardWork
{
    private readonly MessageFaults _messages = new(inner.Shard, faults, time);

    public int Shard => inner.Shard;

    public string Path => inner.Path;

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => inner.OpenAsync(descriptor, cancellation);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => inner.InitializeAsync(jobId, values, cancellation);

    public async Task WorkAsync(string jobId, string workerId, IStepReceiver receiver, CancellationToken cancellation)
    {
        await _messages.WaitWhileCutAsync(cancellation);
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        // Others may still break it off once it is disposed of.
        CancellationToken end = broken.Token;
        var stream = new FaultyStream(receiver, Shard, shards, _messages, faults, time, () => BreakOff(broken));
        Task carrying = stream.RunAsync(end);
        try
        {
            await inner.WorkAsync(jobId, workerId, stream, end);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            await _messages.PauseAsync(cancellation);
        }
        finally
        {
            stream.Close();
            await broken.CancelAsync();
            await carrying;
        }
    }

    public Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation) => inner.StatusAsync(jobId, cancellation);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static void BreakOff(CancellationTokenSource stream)
    {
        try
        {
            stream.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It is over already.
        }
    }
}

using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>What a shard says to ps-0 of one job. Where ps-0 has lost the job, or is in another generation than this shard, only a restoration helps, and it comes to both: until then every call waits.</summary>
/// <param name="closed">The generation is over.</param>
internal sealed class FirstShard(IShardPeer peer, string jobId, TimeProvider time, CancellationToken closed)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(640);

    /// <inheritdoc cref="IShardPeer.ClipFactorAsync"/>
    public Task<double> ClipFactorAsync(Cursor cursor, int shard, double[] blockSquares) => AskAsync(() => peer.ClipFactorAsync(jobId, cursor, shard, blockSquares, closed));

    /// <inheritdoc cref="IShardPeer.AnnounceAsync"/>
    public Task<bool> AnnounceAsync(ShardAnnouncement announcement) => AskAsync(() => peer.AnnounceAsync(jobId, announcement, closed));

    /// <inheritdoc cref="IShardPeer.ProgressAsync"/>
    public Task ProgressAsync(ShardProgress progress) => AskAsync(async () =>
    {
        await peer.ProgressAsync(jobId, progress, closed);
        return true;
    });

    /// <inheritdoc cref="IShardPeer.CheckpointPartAsync"/>
    public Task CheckpointPartAsync(CheckpointNotice notice) => AskAsync(async () =>
    {
        await peer.CheckpointPartAsync(jobId, notice, closed);
        return true;
    });

    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        for (TimeSpan pause = FirstPause; ; pause = pause < LongestPause ? pause * 2 : pause)
        {
            try
            {
                return await ask();
            }
            catch (ProtocolException exception) when (exception.Error is ProtocolError.UnknownJob or ProtocolError.Superseded)
            {
                await Task.Delay(pause, time, closed);
            }
        }
    }
}

using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;

namespace Lockstep.ParameterServer.Checkpoints;

/// <summary>When the process is asked to end, a checkpoint of each job in training is kept first and this shard goes no further: whoever takes its place repeats no step.</summary>
/// <param name="first">ps-0, which may be this host.</param>
internal sealed partial class LastCheckpoint(ShardHost host, IShardPeer first, TimeProvider time, ILogger<LastCheckpoint> logger)
{
    /// <summary>Within the grace time that machines give which are taken away.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Where nothing came in for so long the workers are going as well, and there is nothing to wait for.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1.5);

    public async Task KeepAsync()
    {
        host.Park();
        await Task.WhenAll(host.Jobs.Keys.Select(KeepAsync));
    }

    private async Task KeepAsync(string jobId)
    {
        using var stop = new CancellationTokenSource(Patience, time);
        try
        {
            long version;
            do
            {
                version = await AskAsync(jobId, stop);
            }
            // Somebody had asked before this shard knew that it goes, and it went on past what was kept.
            while (host.Jobs.TryGetValue(jobId, out Cursor now) && now.Step > version);
            LogKept(jobId, version);
        }
        catch (OperationCanceledException)
        {
            LogNotKept(jobId, "no step was done any more");
        }
        catch (Exception exception) when (exception is ProtocolException or InvalidOperationException)
        {
            LogNotKept(jobId, exception.Message);
        }
    }

    /// <exception cref="OperationCanceledException">Nothing comes in any more, or it took too long.</exception>
    private async Task<long> AskAsync(string jobId, CancellationTokenSource stop)
    {
        (Cursor, int)? at = null;
        Task<long> kept = first.CheckpointAsync(jobId, stop.Token);
        while (await Task.WhenAny(kept, Task.Delay(Quiet, time, stop.Token)) != kept)
        {
            // Where it stays at the checkpoint only the disk is waited for.
            if (stop.IsCancellationRequested || !(host.IsParked(jobId) || Moves(jobId, ref at)))
            {
                await stop.CancelAsync();
                break;
            }
        }

        return await kept;
    }

    /// <summary>Whether something came in since the last look.</summary>
    private bool Moves(string jobId, ref (Cursor, int)? at)
    {
        (Cursor, int)? before = at;
        at = host.Progress(jobId) is { } progress ? (progress.Cursor, progress.Missing.Count) : null;
        return at is not null && at != before;
    }

    [LoggerMessage(30, LogLevel.Information, "Job {JobId}: going down after the checkpoint of version {Version}")]
    private partial void LogKept(string jobId, long version);

    [LoggerMessage(31, LogLevel.Information, "Job {JobId}: going down without a checkpoint of its own: {Reason}")]
    private partial void LogNotKept(string jobId, string reason);
}

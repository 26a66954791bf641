namespace Lockstep.Core.Checkpoints;

/// <summary>What is done when the disk does not take a checkpoint: nothing, as the next one is the next try, but for the final one, which is tried again with growing pauses.</summary>
public static class DiskPatience
{
    /// <summary>How long the final checkpoint is tried before the job fails for it.</summary>
    public static readonly TimeSpan Final = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    /// <param name="isFinal">Otherwise it is tried once.</param>
    /// <param name="failed">Is told of each failure, and whether it is tried again.</param>
    /// <exception cref="IOException">The disk did not take it.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written there.</exception>
    public static async Task RunAsync(Action write, bool isFinal, TimeProvider time, Action<Exception, bool> failed, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        for (TimeSpan pause = First; ; pause = pause * 2 < Longest ? pause * 2 : Longest)
        {
            try
            {
                write();
                return;
            }
            catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception))
            {
                bool again = isFinal && time.GetElapsedTime(started) < Final;
                failed(exception, again);
                if (!again)
                {
                    throw;
                }
            }

            await Task.Delay(pause, time, cancellation);
        }
    }
}

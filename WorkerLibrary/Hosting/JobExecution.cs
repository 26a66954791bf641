namespace Lockstep.Worker.Hosting;

/// <summary>A job that this worker executes, from its assignment until the worker has left it.</summary>
/// <param name="ended">Ends when the worker has left the job, however; never fails.</param>
internal sealed class JobExecution(string jobId, Task ended, CancellationTokenSource drain, CancellationTokenSource abort, TimeProvider time)
{
    /// <summary>A slot and its push take less, unless something hangs.</summary>
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(5);

    /// <summary>What neither ends nor can be broken off for so long hangs, as a file does on a network that is gone.</summary>
    private static readonly TimeSpan HangTimeout = TimeSpan.FromSeconds(30);

    public string JobId { get; } = jobId;

    public Task Ended { get; } = ended;

    /// <summary>Leaves the job: after the slot in hand, or at once where that takes too long.</summary>
    /// <exception cref="TimeoutException">It hangs: this process is of no use any more.</exception>
    public async Task LeaveAsync()
    {
        await drain.CancelAsync();
        await Task.WhenAny(Ended, Task.Delay(DrainTimeout, time, CancellationToken.None));
        await abort.CancelAsync();
        await Task.WhenAny(Ended, Task.Delay(HangTimeout, time, CancellationToken.None));
        if (!Ended.IsCompleted)
        {
            throw new TimeoutException($"Job {JobId} was called off and has not ended {(DrainTimeout + HangTimeout).TotalSeconds:0} s after: it hangs, as where a file cannot be opened. This worker ends, and another takes its place.");
        }

        drain.Dispose();
        abort.Dispose();
    }
}

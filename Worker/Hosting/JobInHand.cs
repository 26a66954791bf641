namespace Lockstep.Worker.Hosting;

/// <summary>A job that this worker works on.</summary>
/// <param name="ended">Ends when the worker has left the job, however; never fails.</param>
internal sealed class JobInHand(string jobId, Task ended, CancellationTokenSource drain, CancellationTokenSource abort, TimeProvider time)
{
    /// <summary>A slot and its push take less, unless something hangs.</summary>
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(5);

    public string JobId { get; } = jobId;

    public Task Ended { get; } = ended;

    /// <summary>Leaves the job: after the slot in hand, or at once where that takes too long.</summary>
    public async Task LeaveAsync()
    {
        await drain.CancelAsync();
        await Task.WhenAny(Ended, Task.Delay(DrainTimeout, time, CancellationToken.None));
        await abort.CancelAsync();
        await Ended;
        drain.Dispose();
        abort.Dispose();
    }
}

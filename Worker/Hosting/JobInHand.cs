namespace Lockstep.Worker.Hosting;

/// <summary>A job that this worker works on.</summary>
/// <param name="ended">Ends when the worker has left the job, however; never fails.</param>
internal sealed class JobInHand(string jobId, Task ended, CancellationTokenSource abort)
{
    public string JobId { get; } = jobId;

    public Task Ended { get; } = ended;

    /// <summary>Leaves the job at once.</summary>
    public async Task AbortAsync()
    {
        await abort.CancelAsync();
        await Ended;
    }
}

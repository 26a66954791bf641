namespace Lockstep.Scheduler.Jobs;

/// <summary>Workers that have opened a job wait here for the others that it begins with. Safe for many callers.</summary>
/// <param name="minimum">Workers that the job begins with.</param>
internal sealed class StartBarrier(int minimum)
{
    private readonly Lock _gate = new();
    // At most the job's workers.
    private readonly HashSet<string> _ready = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A worker is ready; the same one again counts once.</summary>
    /// <returns>Ends once enough are.</returns>
    public Task ArriveAsync(string workerId)
    {
        lock (_gate)
        {
            _ready.Add(workerId);
            if (_ready.Count >= minimum)
            {
                _open.TrySetResult();
            }
        }

        return _open.Task;
    }

    /// <summary>A worker is gone: it counts no more where the job has not begun.</summary>
    public void Leave(string workerId)
    {
        lock (_gate)
        {
            _ready.Remove(workerId);
        }
    }

    /// <summary>The job has begun, however many there are.</summary>
    public void Open() => _open.TrySetResult();
}

namespace Lockstep.Worker.Loop;

internal static class Waiting
{
    /// <summary>Waits for a task, but not longer than <paramref name="delay"/> nor past a cancellation.</summary>
    /// <returns>Whether it ended, however.</returns>
    public static async Task<bool> EndsWithinAsync(Task task, TimeSpan delay, TimeProvider time, CancellationToken cancellation)
    {
        if (task.IsCompleted)
            return true;
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny(task, Task.Delay(delay, time, timer.Token));
        await timer.CancelAsync();
        return task.IsCompleted;
    }
}

using System.Collections.Concurrent;

namespace Lockstep.Worker.Loop;

/// <summary>The one thread that touches tensors. Libtorch's dispose scopes belong to a thread, and its results depend on who computes: everything numeric of a worker runs here, in the order it was asked for.</summary>
public sealed class ComputeThread : IDisposable
{
    // Bounded by its callers: each awaits its answer before it asks again.
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    public ComputeThread(string name = "compute")
    {
        _thread = new Thread(Work) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Runs <paramref name="function"/> on the thread. Its exception is the task's.</summary>
    /// <exception cref="ObjectDisposedException">The thread was stopped.</exception>
    public Task<T> RunAsync<T>(Func<T> function)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                result.SetResult(function());
            }
            catch (Exception exception)
            {
                result.SetException(exception);
            }
        });
        return result.Task;
    }

    public Task RunAsync(Action action) => RunAsync(() =>
    {
        action();
        return true;
    });

    /// <summary>Lets the work that was asked for end, then stops the thread.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
        _work.Dispose();
    }

    private void Work()
    {
        foreach (Action action in _work.GetConsumingEnumerable())
            action();
    }
}

using Lockstep.ServiceDefaults.Health;

namespace Lockstep.Worker.Loop;

/// <summary>The one thread that touches tensors. Libtorch's dispose scopes belong to a thread, and its results depend on who computes: everything numeric of a worker runs here, in the order it was asked for.</summary>
internal sealed class ComputeThread : IHangWatched, IDisposable
{
    private const long Nothing = long.MinValue;

    /// <summary>What takes longer at the end hangs; the process ends without it.</summary>
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(5);

    // Bounded by its callers: each awaits its answer before it asks again. Also the lock: a monitor's wait blocks at once, where a semaphore's spins first and takes the processor from others.
    private readonly Queue<Action> _work = [];
    private readonly Thread _thread;
    private readonly TimeProvider _time;
    private long _since = Nothing;
    private bool _ended;

    /// <param name="time">Null: the system's.</param>
    public ComputeThread(string name = "compute", TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        Name = $"The {name} thread";
        _thread = new Thread(Work) { IsBackground = true, Name = name };
        _thread.Start();
    }

    public string Name { get; }

    /// <summary>Runs <paramref name="function"/> on the thread. Its exception is the task's.</summary>
    /// <param name="mayTakeLong">Nobody can say how long it takes, such as reading data for the first time: it never counts as hung.</param>
    /// <exception cref="ObjectDisposedException">The thread was stopped.</exception>
    public Task<T> RunAsync<T>(Func<T> function, bool mayTakeLong = false)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Add(() =>
        {
            Interlocked.Exchange(ref _since, mayTakeLong ? Nothing : _time.GetTimestamp());
            try
            {
                T value = function();
                Interlocked.Exchange(ref _since, Nothing);
                result.SetResult(value);
            }
            catch (Exception exception)
            {
                Interlocked.Exchange(ref _since, Nothing);
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

    /// <summary>Of a function that runs long and waits in between: from here to <see cref="Exit"/> it computes, and counts as hung where that takes too long. On the thread.</summary>
    public void Enter() => Interlocked.Exchange(ref _since, _time.GetTimestamp());

    public void Exit() => Interlocked.Exchange(ref _since, Nothing);

    public TimeSpan StuckFor()
    {
        long since = Interlocked.Read(ref _since);
        return since == Nothing ? TimeSpan.Zero : _time.GetElapsedTime(since);
    }

    /// <summary>Lets the work that was asked for end, for a few seconds, then stops the thread. Once: it is registered under two names, and a container disposes of each.</summary>
    public void Dispose()
    {
        lock (_work)
        {
            if (_ended)
                return;
            _ended = true;
            Monitor.Pulse(_work);
        }
        if (Thread.CurrentThread != _thread)
            _thread.Join(EndTimeout);
    }

    private void Add(Action action)
    {
        lock (_work)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            _work.Enqueue(action);
            Monitor.Pulse(_work);
        }
    }

    private void Work()
    {
        while (Next() is { } action)
            action();
    }

    /// <returns>Null: the thread was stopped, and all that was asked for is done.</returns>
    private Action? Next()
    {
        lock (_work)
        {
            Action? next;
            while (!_work.TryDequeue(out next) && !_ended)
                Monitor.Wait(_work);
            return next;
        }
    }
}

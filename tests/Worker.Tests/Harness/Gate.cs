namespace Lockstep.Worker.Tests.Harness;

/// <summary>Something that happens once, and that others wait for.</summary>
internal sealed class Gate
{
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool IsOpen => _opened.Task.IsCompleted;

    public Task Opened => _opened.Task;

    /// <returns>Whether it was this call that opened it.</returns>
    public bool Open() => _opened.TrySetResult();

    public Task WaitAsync(CancellationToken cancellation) => _opened.Task.WaitAsync(cancellation);

    /// <summary>For a compute thread.</summary>
    public void Wait(CancellationToken cancellation) => _opened.Task.Wait(cancellation);
}

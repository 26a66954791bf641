namespace Lockstep.Training;

/// <summary>Calculations that a process makes for itself, on one thread that ends with them: libtorch keeps the number of threads of an operation by thread, and that of the caller's is not theirs to change.</summary>
internal static class OwnThread
{
    public static T Run<T>(Func<T> compute)
    {
        T? result = default;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                TorchRuntime.UseThreads(1);
                result = compute();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw new InvalidOperationException($"libtorch cannot compute on this machine: {failure.Message}", failure);
    }
}

namespace Lockstep.ParameterServer.Steps;

/// <summary>Waits for one part of each of several parties; the last one in works out the result for all. Callers serialise the calls.</summary>
internal sealed class Rendezvous<TPart, TResult>(int parties) where TPart : class
{
    private readonly TPart?[] _parts = new TPart?[parties];
    private readonly TaskCompletionSource<TResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Hands in a part; the same party again gets the same answer.</summary>
    public Task<TResult> Put(int party, TPart part, Func<IReadOnlyList<TPart>, TResult> conclude)
    {
        if (_parts[party] is null)
        {
            _parts[party] = part;
            if (!_parts.Contains(null))
            {
                _result.TrySetResult(conclude(_parts!));
            }
        }

        return _result.Task;
    }

    public void Fail(Exception failure)
    {
        if (_result.TrySetException(failure))
        {
            // Nobody may be waiting.
            _ = _result.Task.Exception;
        }
    }
}

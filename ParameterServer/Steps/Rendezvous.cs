using Lockstep.Core.Protocol;

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

    /// <summary>Sends away who waits.</summary>
    public void Fail(Exception failure)
    {
        if (_result.TrySetException(failure))
        {
            // Nobody may be waiting.
            _ = _result.Task.Exception;
        }
    }
}

/// <summary>One rendezvous for each cursor. Callers serialise the calls.</summary>
internal sealed class RendezvousTable<TPart, TResult>(int parties) where TPart : class
{
    private readonly Dictionary<Cursor, Rendezvous<TPart, TResult>> _all = [];

    public Rendezvous<TPart, TResult> At(Cursor cursor)
    {
        if (!_all.TryGetValue(cursor, out Rendezvous<TPart, TResult>? rendezvous))
        {
            _all[cursor] = rendezvous = new Rendezvous<TPart, TResult>(parties);
        }

        return rendezvous;
    }

    /// <summary>Forgets what is of steps before one. A party may ask again about the last step, not about older ones.</summary>
    public void ForgetBefore(long step)
    {
        foreach (Cursor old in _all.Keys.Where(c => c.Step < step).ToArray())
        {
            _all.Remove(old);
        }
    }

    /// <summary>Sends away who waits.</summary>
    public void Fail(Exception reason)
    {
        foreach (Rendezvous<TPart, TResult> rendezvous in _all.Values)
        {
            rendezvous.Fail(reason);
        }

        _all.Clear();
    }
}

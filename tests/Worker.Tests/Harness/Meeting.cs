namespace Lockstep.Worker.Tests.Harness;

/// <summary>Holds a step until each of several workers holds its version: it computes a slot of it, or says that nothing is left for it. The next step is divided among all of them then.</summary>
internal sealed class Muster(int workers, long step, CancellationToken end) : IDisposable
{
    private readonly CountdownEvent _missing = new(workers);
    private readonly HashSet<string> _there = [];

    /// <summary>For the trainers: what to call before a slot is computed.</summary>
    public void Hold(long at, int slot)
    {
        if (at == step)
        {
            _missing.Wait(end);
        }
    }

    /// <summary>For the wires: what to call with each message that took effect.</summary>
    public void Sent(Message message)
    {
        if (message is { Kind: MessageKind.Idle or MessageKind.Progress } && message.Cursor.Step == step)
        {
            lock (_there)
            {
                if (_there.Add(message.Worker))
                {
                    _missing.Signal();
                }
            }
        }
    }

    public void Dispose() => _missing.Dispose();
}

/// <summary>Lets several workers meet at their first slot of a step, so that each of them has one.</summary>
internal sealed class Meeting(int workers, long step, CancellationToken end) : IDisposable
{
    private readonly CountdownEvent _missing = new(workers);

    /// <summary>For one worker's trainer: what to call before a slot is computed.</summary>
    public Action<long, int> Member()
    {
        bool met = false;
        return (at, _) =>
        {
            if (at == step && !met)
            {
                met = true;
                lock (_missing)
                {
                    // There may be more workers than slots.
                    if (!_missing.IsSet)
                    {
                        _missing.Signal();
                    }
                }

                _missing.Wait(end);
            }
        };
    }

    public void Dispose() => _missing.Dispose();
}

namespace Lockstep.Worker.Tests.Harness;

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
                _missing.Signal();
                _missing.Wait(end);
            }
        };
    }

    public void Dispose() => _missing.Dispose();
}

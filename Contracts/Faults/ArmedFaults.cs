namespace Lockstep.Contracts.Faults;

/// <summary>The faults that one process shall meet now, looked up several times a second. Safe for several threads.</summary>
public sealed class ArmedFaults : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly FaultFolder _folder;
    private readonly string _target;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private volatile IReadOnlyList<(int Number, Fault Fault)> _current = [];
    private volatile bool _isReady;

    /// <param name="target">Name of the process.</param>
    public ArmedFaults(FaultFolder folder, string target, TimeProvider time)
    {
        _folder = folder;
        _target = target;
        _time = time;
        Look();
        _timer = time.CreateTimer(_ => Look(), null, Interval, Interval);
    }

    public IReadOnlyList<(int Number, Fault Fault)> Current => _current;

    /// <value>Whether the process is where its faults can befall it; from then on it says so of each that is armed.</value>
    public bool IsReady
    {
        get => _isReady;
        set => _isReady = value;
    }

    /// <summary>Says that a fault happened.</summary>
    /// <returns>False: it had happened before, and is not to happen again where it is one that happens once.</returns>
    public bool TryFire(int number) => _folder.TryFire(number, new FaultMark(_target, _time.GetUtcNow()));

    /// <summary>Whether a fault has happened, in this life of the process or one before.</summary>
    public bool HasFired(int number) => _folder.FiredAt(number) is not null;

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        try
        {
            _current = [.. _folder.Armed().Where(f => f.Fault.Target == _target)];
            foreach ((int number, _) in IsReady ? _current : [])
            {
                _folder.Expect(number);
            }
        }
        catch (IOException)
        {
            // The folder is being removed: the run is over.
        }
    }
}

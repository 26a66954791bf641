using Lockstep.Contracts.Faults;

namespace Lockstep.Engine.Chaos;

/// <summary>Keeps a run at steps at which faults are still to happen. Safe for several threads.</summary>
internal sealed class StepHolds(FaultFolder folder)
{
    private readonly Lock _gate = new();
    // The faults that each step waits for; done and removed.
    private readonly Dictionary<long, HashSet<int>> _held = [];

    /// <summary>Once so many steps are done the run stays, until it is released for each fault that it was held for.</summary>
    /// <param name="step">0, which nobody is told of, is as 1.</param>
    public void Hold(long step, int fault)
    {
        lock (_gate)
        {
            long version = Math.Max(step, 1);
            if (!_held.TryGetValue(version, out HashSet<int>? faults))
            {
                _held[version] = faults = [];
                folder.Hold(version);
            }

            faults.Add(fault);
        }
    }

    /// <summary>A fault has happened, or is not waited for any more.</summary>
    public void Release(int fault)
    {
        lock (_gate)
        {
            foreach ((long version, HashSet<int> faults) in _held.ToArray())
            {
                if (faults.Remove(fault) && faults.Count == 0)
                {
                    _held.Remove(version);
                    folder.Release(version);
                }
            }
        }
    }

    public void ReleaseAll()
    {
        lock (_gate)
        {
            foreach (long version in _held.Keys)
            {
                folder.Release(version);
            }

            _held.Clear();
        }
    }
}

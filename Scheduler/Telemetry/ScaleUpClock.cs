namespace Lockstep.Scheduler.Telemetry;

/// <summary>How long it takes from the decision for another worker until a new one is of use: until the first contribution of its that counts. Safe for many callers.</summary>
internal sealed class ScaleUpClock(TimeProvider time)
{
    private readonly Lock _gate = new();
    // One for each worker that was asked for and is not of use yet, oldest first: as many as are desired at most.
    private readonly List<long> _asked = [];
    // Workers of the fleet that were of use.
    private readonly HashSet<string> _useful = new(StringComparer.Ordinal);

    /// <summary>Another number of workers is desired.</summary>
    public void Decided(int from, int to)
    {
        lock (_gate)
        {
            for (int i = from; i < to; i++)
            {
                _asked.Add(time.GetTimestamp());
            }

            int fewer = Math.Min(Math.Max(0, from - to), _asked.Count);
            _asked.RemoveRange(_asked.Count - fewer, fewer);
        }
    }

    /// <summary>A contribution of a worker counted.</summary>
    /// <returns>The time since the oldest decision that it answers; null: it answers none.</returns>
    public TimeSpan? Contributed(string workerId)
    {
        lock (_gate)
        {
            if (!_useful.Add(workerId) || _asked.Count == 0)
            {
                return null;
            }

            TimeSpan delay = time.GetElapsedTime(_asked[0]);
            _asked.RemoveAt(0);
            return delay;
        }
    }

    /// <summary>The worker is gone; one of this name that comes is a new one.</summary>
    public void Left(string workerId)
    {
        lock (_gate)
        {
            _useful.Remove(workerId);
        }
    }
}

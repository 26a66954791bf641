namespace Lockstep.Scheduler.Telemetry;

/// <summary>How long jobs have been waiting for workers. Safe for many callers.</summary>
internal sealed class QueueClock(TimeProvider time)
{
    private readonly Lock _gate = new();
    // Of jobs that wait now.
    private readonly Dictionary<string, long> _since = new(StringComparer.Ordinal);

    /// <param name="waiting">All jobs that wait now.</param>
    public void Update(IEnumerable<string> waiting)
    {
        lock (_gate)
        {
            long now = time.GetTimestamp();
            HashSet<string> wait = [.. waiting];
            foreach (string job in _since.Keys.Where(id => !wait.Contains(id)).ToArray())
            {
                _since.Remove(job);
            }

            foreach (string job in wait)
            {
                _since.TryAdd(job, now);
            }
        }
    }

    /// <returns>Null: it does not wait.</returns>
    public TimeSpan? Waited(string jobId)
    {
        lock (_gate)
        {
            return _since.TryGetValue(jobId, out long since) ? time.GetElapsedTime(since) : null;
        }
    }
}

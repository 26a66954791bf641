namespace Lockstep.ServiceDefaults.Health;

/// <summary>Locks that are held for moments only: one that cannot be had for long hangs.</summary>
/// <param name="tryAll">Tries each lock for so long; gives the names of those that could not be had.</param>
/// <remarks>Whoever asks tries the locks: between two questions nothing is known, and the first that fails begins the count.</remarks>
public sealed class LockWatch(string name, Func<TimeSpan, IReadOnlyList<string>> tryAll, TimeProvider time) : IHangWatched
{
    /// <summary>Far longer than such a lock is held.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    // As many as there are locks that hang.
    private readonly Dictionary<string, long> _since = new(StringComparer.Ordinal);

    public string Name { get; } = name;

    public TimeSpan StuckFor()
    {
        lock (_gate)
        {
            long asked = time.GetTimestamp();
            IReadOnlyList<string> stuck = tryAll(Patience);
            foreach (string free in _since.Keys.Except(stuck, StringComparer.Ordinal).ToArray())
            {
                _since.Remove(free);
            }

            foreach (string held in stuck)
            {
                _since.TryAdd(held, asked);
            }

            return _since.Count == 0 ? TimeSpan.Zero : time.GetElapsedTime(_since.Values.Min());
        }
    }
}

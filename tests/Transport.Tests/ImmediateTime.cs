using System.Collections.Concurrent;

namespace Lockstep.Transport.Tests;

/// <summary>A clock on which every pause is over at once; it remembers how long each should have been.</summary>
internal sealed class ImmediateTime : TimeProvider
{
    private readonly ConcurrentQueue<TimeSpan> _delays = [];
    private long _ticks;

    public IReadOnlyCollection<TimeSpan> Delays => _delays;

    public override long GetTimestamp() => Interlocked.Increment(ref _ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        _delays.Enqueue(dueTime);
        return System.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}

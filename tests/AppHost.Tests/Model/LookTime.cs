using Microsoft.Extensions.Time.Testing;

namespace Lockstep.AppHost.Tests;

/// <summary>A clock that stands still but where somebody pauses: what happens now and then happens when the test says so, as often as it likes, without time having passed.</summary>
internal sealed class LookTime : FakeTimeProvider
{
    /// <summary>Of the scaler's looks, and of the watch's pauses.</summary>
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private long _asked;

    /// <value>How often somebody asked what time it is.</value>
    public long Asked => Interlocked.Read(ref _asked);

    public override long GetTimestamp()
    {
        Interlocked.Increment(ref _asked);
        return base.GetTimestamp();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime != Second)
        {
            return base.CreateTimer(callback, state, dueTime, period);
        }

        var timer = new ManualTimer(this, () => callback(state), isPause: period != Second);
        lock (_gate)
        {
            _timers.Add(timer);
        }

        return timer;
    }

    /// <summary>What happens every second happens.</summary>
    public void Look() => Fire(isPause: false);

    /// <summary>Pauses of a second are over.</summary>
    public void EndPauses() => Fire(isPause: true);

    private void Fire(bool isPause)
    {
        ManualTimer[] due;
        lock (_gate)
        {
            due = [.. _timers.Where(t => t.IsPause == isPause)];
            _timers.RemoveAll(t => isPause && t.IsPause);
        }

        foreach (ManualTimer timer in due)
        {
            timer.Fire();
        }
    }

    private void Remove(ManualTimer timer)
    {
        lock (_gate)
        {
            _timers.Remove(timer);
        }
    }

    private sealed class ManualTimer(LookTime time, Action fire, bool isPause) : ITimer
    {
        public bool IsPause => isPause;

        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException("Nobody changes a pause.");

        public void Dispose() => time.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

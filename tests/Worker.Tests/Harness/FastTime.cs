namespace Lockstep.Worker.Tests.Harness;

/// <summary>A clock that runs many times as fast as the system's: who waits for a lease to run out waits milliseconds.</summary>
internal sealed class FastTime(int factor) : TimeProvider
{
    private readonly long _started = System.GetTimestamp();

    public override long TimestampFrequency => System.TimestampFrequency;

    public override long GetTimestamp() => _started + ((System.GetTimestamp() - _started) * factor);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + (System.GetElapsedTime(_started) * factor);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, Scale(dueTime), Scale(period));

    private TimeSpan Scale(TimeSpan time) => time > TimeSpan.Zero ? TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerMillisecond, time.Ticks / factor)) : time;
}

using StackExchange.Redis;

namespace Lockstep.Scheduler.Redis;

/// <summary>Tells when Redis goes and when it is there again, whether its connections break or it holds them and answers nobody.</summary>
/// <param name="tell">A sentence for people: once when it goes, once when it comes.</param>
internal sealed class RedisWatch(IConnectionMultiplexer redis, TimeProvider time, Action<string> tell)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>An answer that takes so long holds up what needs one.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private bool _isSilent;
    private bool _isAway;

    /// <summary>Goes on until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        redis.ConnectionFailed += (_, _) => Look();
        redis.ConnectionRestored += (_, _) => Look();
        // It may not have been there at the start.
        Look();
        while (true)
        {
            await Task.Delay(Interval, time, cancellation);
            _isSilent = !await AnswersAsync(cancellation);
            Look();
        }
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellation)
    {
        try
        {
            await redis.GetDatabase().PingAsync().WaitAsync(Patience, time, cancellation);
            return true;
        }
        catch (Exception) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>The client tells of each of its connections.</summary>
    private void Look()
    {
        lock (_gate)
        {
            bool isConnected = redis.IsConnected;
            bool isAway = !isConnected || _isSilent;
            if (isAway != _isAway)
            {
                _isAway = isAway;
                tell(!isAway ? "Redis can be reached again" : isConnected ? "Redis does not answer; what needs it waits" : "Redis cannot be reached; what needs it waits");
            }
        }
    }
}

using Lockstep.Core.Protocol;
using Lockstep.Coordination.Tests.Servers;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace Lockstep.Coordination.Tests.Leases;

/// <summary>The leases of a new job on a clock that the test moves.</summary>
internal abstract class TestLeases
{
    public static readonly TimeSpan Duration = TimeSpan.FromSeconds(10);

    protected static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public abstract ILeases Leases { get; }

    public abstract Task PassAsync(TimeSpan time);

    /// <summary>Forgets everything, as a server that lost its memory.</summary>
    public abstract Task EmptyAsync();
}

internal sealed class TableLeases : TestLeases
{
    private readonly FakeTimeProvider _time = new(Start);
    private readonly LeaseTable _table;

    public TableLeases() => _table = new LeaseTable(_time, Duration);

    public override ILeases Leases => _table;

    public override Task PassAsync(TimeSpan time)
    {
        _time.Advance(time);
        return Task.CompletedTask;
    }

    public override Task EmptyAsync()
    {
        _table.Empty();
        return Task.CompletedTask;
    }
}

/// <summary>The scripts as they are, but for the server's clock, in whose place stands a hash that the test writes.</summary>
internal sealed class ScriptLeases : TestLeases
{
    private readonly IDatabase _database;
    private readonly RedisKey _clock;
    private readonly RedisLeases _leases;
    private DateTimeOffset _now = Start;

    private ScriptLeases(IConnectionMultiplexer redis, string job)
    {
        _database = redis.GetDatabase();
        _clock = $"clock-of-{job}";
        _leases = new RedisLeases(redis, job, Duration, new LeaseScripts($"redis.call('HMGET', '{_clock}', 's', 'us')"));
    }

    public override ILeases Leases => _leases;

    public static async Task<ScriptLeases> BeginAsync(IConnectionMultiplexer redis)
    {
        var leases = new ScriptLeases(redis, RedisServer.NewId());
        await leases.PassAsync(TimeSpan.Zero);
        return leases;
    }

    public override async Task PassAsync(TimeSpan time)
    {
        _now += time;
        (long seconds, long rest) = Math.DivRem((_now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond, 1_000_000);
        await _database.HashSetAsync(_clock, [new("s", seconds), new("us", rest)]);
    }

    public override async Task EmptyAsync() => await _leases.DeleteAsync(default);
}

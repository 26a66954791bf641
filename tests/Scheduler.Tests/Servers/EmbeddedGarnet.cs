using Lockstep.Contracts.Services;
using Lockstep.Engine.Redis;

namespace Lockstep.Scheduler.Tests.Servers;

/// <summary>The server that the embedded engine brings with it.</summary>
public sealed class EmbeddedGarnet : RedisServer
{
    private CancellationTokenSource? _stop;
    private Task _serving = Task.CompletedTask;

    public override string Password { get; } = SharedKeys.New();

    public override Task StartAsync()
    {
        _stop = new CancellationTokenSource();
        // Listens before the first await.
        _serving = EmbeddedRedis.RunAsync(Port, Password, TimeProvider.System, _stop.Token);
        return Task.CompletedTask;
    }

    public override async Task StopAsync()
    {
        if (_stop is { } stop)
        {
            await stop.CancelAsync();
            await _serving;
            stop.Dispose();
            _stop = null;
        }
    }
}

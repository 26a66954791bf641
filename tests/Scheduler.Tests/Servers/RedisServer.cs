using System.Net;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Tests.Servers;

/// <summary>A real server on a free loopback port. It can be stopped hard and started again, empty, on the same port.</summary>
public abstract class RedisServer : IAsyncLifetime
{
    private ConnectionMultiplexer? _connection;

    protected int Port { get; } = LoopbackPort.Free();

    public EndPoint EndPoint => new IPEndPoint(IPAddress.Loopback, Port);

    /// <value>That clients must show; empty: none.</value>
    public virtual string Password => "";

    /// <value>As a service is told it.</value>
    public string Connection => Password.Length > 0 ? $"{EndPoint},password={Password}" : $"{EndPoint}";

    /// <value>Why it cannot run here; null where it can.</value>
    protected virtual string? Missing => null;

    public async ValueTask InitializeAsync()
    {
        if (Missing is null)
        {
            await StartAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }

        await StopAsync();
    }

    public abstract Task StartAsync();

    public abstract Task StopAsync();

    /// <summary>The connection that tests share; skips the test where the server cannot run.</summary>
    public async Task<IConnectionMultiplexer> ConnectAsync()
    {
        Require();
        return _connection ??= await ConnectAsync(EndPoint, Password);
    }

    public void Require() => Assert.SkipUnless(Missing is null, Missing ?? "");

    /// <summary>A connection that keeps trying, as the services' does, only with more haste.</summary>
    /// <param name="password">Empty: none is needed.</param>
    /// <param name="asyncTimeout">Milliseconds until an answer counts as lost.</param>
    public static async Task<ConnectionMultiplexer> ConnectAsync(EndPoint server, string password, int asyncTimeout = 1000) => await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
    {
        EndPoints = [server],
        Password = password,
        AbortOnConnectFail = false,
        ConnectRetry = int.MaxValue,
        ConnectTimeout = 2000,
        AsyncTimeout = asyncTimeout,
        ReconnectRetryPolicy = new LinearRetry(50),
    });

    public static string NewId() => Guid.NewGuid().ToString("N");
}

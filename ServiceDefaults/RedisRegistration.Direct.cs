using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace Lockstep.ServiceDefaults;

public static partial class RedisRegistration
{
    private static readonly TimeSpan ListeningPoll = TimeSpan.FromMilliseconds(50);

    /// <summary>Who asks for health waits no longer for it.</summary>
    private static readonly TimeSpan HealthPatience = TimeSpan.FromSeconds(2);

    static partial void Register(IHostApplicationBuilder builder)
    {
        ConfigurationOptions options = ConfigurationOptions.Parse(builder.Configuration.GetConnectionString(ConnectionName)!);
        Configure(options);
        builder.Services.AddSingleton<IConnectionMultiplexer>(_ => Connect(options));
        builder.Services.AddHealthChecks().AddCheck<RedisHealth>(ConnectionName);
    }

    /// <summary>The client's first attempt waits its whole timeout where nobody listens yet, and a Redis that starts along with the service listens within a fraction of that.</summary>
    private static ConnectionMultiplexer Connect(ConfigurationOptions options)
    {
        var patience = TimeSpan.FromMilliseconds(options.ConnectTimeout);
        long start = TimeProvider.System.GetTimestamp();
        while (!options.EndPoints.Any(server => IsListening(server, patience)) && TimeProvider.System.GetElapsedTime(start) < patience)
        {
            Task.Delay(ListeningPoll).Wait();
        }

        return ConnectionMultiplexer.Connect(options);
    }

    private static bool IsListening(EndPoint server, TimeSpan patience)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.ConnectAsync(server).Wait(patience);
            return socket.Connected;
        }
        catch (AggregateException)
        {
            return false;
        }
    }

    private sealed class RedisHealth(IConnectionMultiplexer redis) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            // Everybody may read it: nothing of addresses and the client's inner life.
            if (!redis.IsConnected)
            {
                return new HealthCheckResult(context.Registration.FailureStatus, "Redis cannot be reached.");
            }

            try
            {
                await redis.GetDatabase().PingAsync().WaitAsync(HealthPatience, TimeProvider.System, cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException)
            {
                return new HealthCheckResult(context.Registration.FailureStatus, "Redis does not answer.", exception);
            }
        }
    }
}

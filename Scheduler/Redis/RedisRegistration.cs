using System.Net;
using System.Net.Sockets;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Redis;

/// <summary>Registers the connection to Redis.</summary>
internal static class RedisRegistration
{
    /// <summary>Name of the connection, as the launcher sets it: ConnectionStrings__redis.</summary>
    private const string ConnectionName = "redis";

    private static readonly TimeSpan ListeningPoll = TimeSpan.FromMilliseconds(50);

    /// <summary>Who asks for health waits no longer for it.</summary>
    private static readonly TimeSpan HealthPatience = TimeSpan.FromSeconds(2);

    /// <summary>Registers an <see cref="IConnectionMultiplexer"/> and its health check.</summary>
    /// <exception cref="InputException">There is no connection string.</exception>
    public static TBuilder AddLockstepRedis<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        if (string.IsNullOrWhiteSpace(builder.Configuration.GetConnectionString(ConnectionName)))
        {
            throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.RedisConnection} is not set.", "Set it to Redis' address, such as redis:6379 or redis:6379,password=….");
        }

        // A trace of every command buries those of the steps.
        builder.AddRedisClient(ConnectionName, settings => (settings.DisableTracing, settings.DisableHealthChecks, settings.DisableAutoActivation) = (true, true, true), Prepare);
        builder.Services.AddHealthChecks().AddCheck<RedisHealth>(ConnectionName);
        return builder;
    }

    /// <summary>
    /// Keeps trying, in the background: Redis may start later than the service, or again. The first attempt, which the start waits for, is one only: a service that is up can say what it lacks.
    /// That attempt waits its whole timeout where nobody listens yet, and a Redis that starts along with the service listens within a fraction of that; so this, which runs as the connection is made, waits for it.
    /// </summary>
    private static void Prepare(ConfigurationOptions options)
    {
        // It tells each of its connections' steps; that Redis does not answer, the services tell.
        options.LoggerFactory = NullLoggerFactory.Instance;
        options.AbortOnConnectFail = false;
        options.ConnectRetry = 1;
        options.ReconnectRetryPolicy = new ExponentialRetry(100, 2000);
        var patience = TimeSpan.FromMilliseconds(options.ConnectTimeout);
        long start = TimeProvider.System.GetTimestamp();
        while (!options.EndPoints.Any(server => IsListening(server, patience)) && TimeProvider.System.GetElapsedTime(start) < patience)
        {
            Task.Delay(ListeningPoll).Wait();
        }
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

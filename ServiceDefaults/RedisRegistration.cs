using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace Lockstep.ServiceDefaults;

/// <summary>Registers the connection to Redis: as Aspire does it where its packages are used, else directly, with the same behaviour.</summary>
public static partial class RedisRegistration
{
    /// <summary>Name of the connection, as the launcher sets it: ConnectionStrings__redis.</summary>
    private const string ConnectionName = "redis";

    /// <summary>Registers an <see cref="IConnectionMultiplexer"/> and its health check.</summary>
    /// <exception cref="InputException">There is no connection string.</exception>
    public static TBuilder AddLockstepRedis<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        if (string.IsNullOrWhiteSpace(builder.Configuration.GetConnectionString(ConnectionName)))
        {
            throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.RedisConnection} is not set.", "Set it to Redis' address, such as redis:6379 or redis:6379,password=….");
        }

        Register(builder);
        return builder;
    }

    static partial void Register(IHostApplicationBuilder builder);

    /// <summary>Keeps trying, in the background: Redis may start later than the service, or again. The first attempt, which the start waits for, is one only: a service that is up can say what it lacks.</summary>
    private static void Configure(ConfigurationOptions options)
    {
        options.AbortOnConnectFail = false;
        options.ConnectRetry = 1;
        options.ReconnectRetryPolicy = new ExponentialRetry(100, 2000);
    }
}

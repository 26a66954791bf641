using System.Net;
using Lockstep.Contracts;
using StackExchange.Redis;

namespace Lockstep.Engine.Redis;

/// <summary>A Redis that the user names.</summary>
public static class RedisAddress
{
    private const string Option = "--redis";
    private const int TimeoutMs = 4000;

    /// <summary>Connects once, so that a wrong address or password is told at once and not by every process in its log.</summary>
    /// <param name="connection">As StackExchange.Redis writes it: <c>host:port,password=…</c>.</param>
    /// <exception cref="InputException">It cannot be read, reached or entered.</exception>
    public static async Task CheckAsync(string connection)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connection);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw new InputException(Option, 0, $"'{Redact(connection)}' is no connection to Redis: {exception.Message}", "Write host:port, and ,password=… where it has one.");
        }

        if (options.EndPoints.Count == 0)
        {
            throw new InputException(Option, 0, "The connection names no server.", "Write host:port, and ,password=… where it has one.");
        }

        options.SetDefaultPorts();
        options.AbortOnConnectFail = true;
        options.ConnectRetry = 1;
        options.ConnectTimeout = TimeoutMs;
        string servers = string.Join(", ", options.EndPoints.Select(e => e is DnsEndPoint named ? $"{named.Host}:{named.Port}" : e.ToString()));
        try
        {
            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options);
            await redis.GetDatabase().PingAsync();
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            throw IsRefusal(exception)
                ? new InputException(Option, 0, $"Redis at {servers} refused the password.", "Correct password=… in the connection (and user=… where it has one).")
                : new InputException(Option, 0, $"Redis at {servers} cannot be reached: {FirstLine(exception.Message)}", "Start it or correct the address; without --redis a server is started for the run.");
        }
    }

    private static bool IsRefusal(Exception exception)
    {
        for (Exception? at = exception; at is not null; at = at.InnerException)
        {
            if (at is RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure }
                || at.Message.Contains("WRONGPASS", StringComparison.Ordinal) || at.Message.Contains("NOAUTH", StringComparison.Ordinal)
                || at.Message.Contains("AuthenticationFailure", StringComparison.Ordinal) || at.Message.Contains("invalid password", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();

    private static string Redact(string connection)
    {
        int at = connection.IndexOf("password=", StringComparison.OrdinalIgnoreCase);
        return at < 0 ? connection : connection[..at] + "password=…";
    }
}

using System.Net;
using Lockstep.Contracts;
using Lockstep.Engine.Processes;
using StackExchange.Redis;

namespace Lockstep.Engine.Redis;

/// <summary>A Redis that the user names.</summary>
public static class RedisAddress
{
    private const string Option = "--redis";
    private const string PasswordKey = "password=";
    private const int TimeoutMs = 4000;

    /// <summary>Connects once, so that a wrong address or password is told at once and not by every process in its log.</summary>
    /// <param name="connection">As StackExchange.Redis writes it: <c>host:port,password=…</c>.</param>
    /// <exception cref="InputException">It cannot be read, reached or entered.</exception>
    public static async Task CheckAsync(string connection)
    {
        ConfigurationOptions options = Parse(connection);
        options.AbortOnConnectFail = true;
        options.ConnectRetry = 1;
        options.ConnectTimeout = TimeoutMs;
        string servers = string.Join(", ", options.EndPoints.Select(Text));
        try
        {
            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options);
            await redis.GetDatabase().PingAsync();
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            throw IsRefusal(exception)
                ? new InputException(Option, 0, $"Redis at {servers} refused the password.", "Correct password=… in the connection (and user=… where it has one).")
                : new InputException(Option, 0, $"Redis at {servers} cannot be reached: {await Reachability.WhyNotAsync(options.EndPoints[0]) ?? "what listens there does not answer as Redis does"}.", "Start it or correct the address; without --redis a server is started for the run.");
        }
    }

    /// <summary>A connection as it may be shown: with a placeholder for the password.</summary>
    public static string WithoutPassword(string connection) =>
        string.Join(',', connection.Split(',').Select(part => part.TrimStart().StartsWith(PasswordKey, StringComparison.OrdinalIgnoreCase) ? PasswordKey + "PASSWORD" : part));

    private static ConfigurationOptions Parse(string connection)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connection);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw None(string.IsNullOrWhiteSpace(connection) ? "it names no server" : exception is ArgumentOutOfRangeException ? "a number in it is out of range" : exception.Message.Split(" (Parameter")[0].TrimEnd('.'));
        }

        if (options.EndPoints.Count == 0)
        {
            throw None("it names no server");
        }

        // Whatever is no option is taken for a server there.
        if (options.EndPoints.OfType<DnsEndPoint>().FirstOrDefault(e => Uri.CheckHostName(e.Host) == UriHostNameType.Unknown) is { } unknown)
        {
            throw None($"'{unknown.Host}' is neither a host nor an option");
        }

        options.SetDefaultPorts();
        return options;

        InputException None(string reason) => new(Option, 0, $"'{Redact(connection)}' is no connection to Redis: {reason}.", "Write host:port, and ,password=… where it has one.");
    }

    private static string Text(EndPoint server) => server is DnsEndPoint named ? $"{named.Host}:{named.Port}" : server.ToString()!;

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

    private static string Redact(string connection)
    {
        int at = connection.IndexOf(PasswordKey, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? connection : connection[..at] + PasswordKey + "…";
    }
}

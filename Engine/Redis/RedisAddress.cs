using System.Globalization;
using System.Net;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using StackExchange.Redis;

namespace Lockstep.Engine.Redis;

/// <summary>A Redis that the user names.</summary>
public static class RedisAddress
{
    private const string Option = "--redis";
    private const string PasswordKey = "password=";
    private const int TimeoutMs = 4000;
    private const int UsualPort = 6379;

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

    /// <summary>The connection that was named, as StackExchange.Redis writes it.</summary>
    /// <param name="option">A connection, an address of redis:// or rediss://, or @FILE that has one of these; null: what <see cref="EnvironmentNames.Redis"/> has.</param>
    /// <returns>Null: none was named.</returns>
    /// <exception cref="InputException">The file cannot be read, or the address is none.</exception>
    public static string? Find(string? option)
    {
        string? named = option ?? Environment.GetEnvironmentVariable(EnvironmentNames.Redis);
        if (string.IsNullOrEmpty(named) && option is null)
        {
            return null;
        }

        string text = named!.StartsWith('@') ? Read(named[1..]) : named;
        return text.Contains("://", StringComparison.Ordinal) ? OfUrl(text) : text;
    }

    private static string Read(string file)
    {
        try
        {
            return TextReading.ReadWritten(file).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException(Option, 0, $"'{file}' cannot be read: {exception.Message}", "Name a file that has the connection in it, such as host:port,password=….");
        }
    }

    private static string OfUrl(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? address) || address.Scheme is not ("redis" or "rediss") || address.Host.Length == 0)
        {
            throw None("its address is none of redis:// or rediss://");
        }

        string[] user = [.. address.UserInfo.Split(':', 2).Select(Uri.UnescapeDataString)];
        string database = address.AbsolutePath.Trim('/');
        if (user.Any(part => part.Contains(',', StringComparison.Ordinal)))
        {
            throw None("its user or password has a comma, which the client cannot be told");
        }

        if (database.Length > 0 && !int.TryParse(database, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            throw None("what follows its port is no number of a database");
        }

        var parts = new List<string> { string.Create(CultureInfo.InvariantCulture, $"{address.Host}:{(address.Port > 0 ? address.Port : UsualPort)}") };
        parts.AddRange(user is [{ Length: > 0 } name, ..] ? [$"user={name}"] : []);
        parts.AddRange(user is [_, { Length: > 0 } password] ? [$"{PasswordKey}{password}"] : []);
        parts.AddRange(address.Scheme == "rediss" ? ["ssl=true"] : []);
        parts.AddRange(database.Length > 0 ? [$"defaultDatabase={database}"] : []);
        return string.Join(',', parts);
    }

    private static ConfigurationOptions Parse(string connection)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connection);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw None(string.IsNullOrWhiteSpace(connection) ? "it names no server" : "one of its options is unknown, or its value cannot be");
        }

        if (options.EndPoints.Count == 0)
        {
            throw None("it names no server");
        }

        // Whatever is no option is taken for a server there.
        if (options.EndPoints.OfType<DnsEndPoint>().Any(e => Uri.CheckHostName(e.Host) == UriHostNameType.Unknown))
        {
            throw None("a part of it is neither a host nor an option");
        }

        options.SetDefaultPorts();
        return options;
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

    // What was given is not shown: where it cannot be read, nobody knows which part of it is the password.
    private static InputException None(string reason) => new(Option, 0, $"This is no connection to Redis: {reason}.", $"Write host:port, and ,password=… where it has one; in {EnvironmentNames.Redis}, or in a file that @FILE names, nobody else sees it.");
}

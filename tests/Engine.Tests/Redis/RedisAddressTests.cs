using System.Net;
using System.Net.Sockets;
using Lockstep.Contracts;
using Lockstep.Engine.Redis;

namespace Lockstep.Engine.Tests.Redis;

public sealed class RedisAddressTests
{
    [Theory]
    [InlineData("nonsense,,=", "'=' is neither a host nor an option")]
    [InlineData("redis://127.0.0.1:6379", "'redis://127.0.0.1:6379' is neither a host nor an option")]
    [InlineData("127.0.0.1:99999", "a number in it is out of range")]
    [InlineData("127.0.0.1:6379,foo=bar", "Keyword 'foo' is not supported")]
    [InlineData(",", "it names no server")]
    [InlineData(" ", "it names no server")]
    public async Task What_is_no_connection_is_refused_with_the_form_that_is_expected(string connection, string reason)
    {
        InputError error = await RefusedAsync(connection);

        Assert.StartsWith($"'{connection}' is no connection to Redis: {reason}", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Parameter", error.Message, StringComparison.Ordinal);
        Assert.Equal("Write host:port, and ,password=… where it has one.", error.Remedy);
    }

    [Fact]
    public async Task What_cannot_be_reached_is_told_with_the_systems_reason()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var address = (IPEndPoint)silent.LocalEndpoint;

        InputError deaf = await RefusedAsync($"{address},password=secret");
        silent.Stop();
        InputError gone = await RefusedAsync($"{address},password=secret");

        Assert.Equal($"Redis at {address} cannot be reached: what listens there does not answer as Redis does.", deaf.Message);
        Assert.StartsWith($"Redis at {address} cannot be reached: ", gone.Message, StringComparison.Ordinal);
        Assert.Contains("refused", gone.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("abortConnect", gone.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("host:1", "host:1")]
    [InlineData("host:1,password=a=b,ssl=true", "host:1,password=PASSWORD,ssl=true")]
    [InlineData("host:1, Password=a", "host:1,password=PASSWORD")]
    public void A_password_is_not_shown(string connection, string shown) => Assert.Equal(shown, RedisAddress.WithoutPassword(connection));

    private static async Task<InputError> RefusedAsync(string connection)
    {
        InputError error = Assert.Single((await Assert.ThrowsAsync<InputException>(() => RedisAddress.CheckAsync(connection))).Errors);
        Assert.Equal("--redis", error.File);
        return error;
    }
}

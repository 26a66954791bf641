using System.Net;
using System.Net.Sockets;
using Lockstep.Contracts;
using Lockstep.Engine.Redis;

namespace Lockstep.Engine.Tests.Redis;

public sealed class RedisAddressTests
{
    [Theory]
    [InlineData("nonsense,,=", "a part of it is neither a host nor an option")]
    [InlineData("127.0.0.1:6379,my secret!", "a part of it is neither a host nor an option")]
    [InlineData("http://:secret@127.0.0.1:6379", "its address is none of redis:// or rediss://")]
    [InlineData("rediss://:sec/ret@", "its address is none of redis:// or rediss://")]
    [InlineData("rediss://:secret@127.0.0.1:6379/x", "what follows its port is no number of a database")]
    [InlineData("rediss://:secret,1@127.0.0.1:6379", "its user or password has a comma, which the client cannot be told")]
    [InlineData("127.0.0.1:99999", "one of its options is unknown, or its value cannot be")]
    [InlineData("127.0.0.1:6379,secret=bar", "one of its options is unknown, or its value cannot be")]
    [InlineData("127.0.0.1:6379,ssl=secret", "one of its options is unknown, or its value cannot be")]
    [InlineData(",", "it names no server")]
    [InlineData("", "it names no server")]
    [InlineData(" ", "it names no server")]
    public async Task What_is_no_connection_is_refused_with_the_form_that_is_expected(string connection, string reason)
    {
        InputError error = await RefusedAsync(connection);

        Assert.Equal($"This is no connection to Redis: {reason}.", error.Message);
        Assert.StartsWith("Write host:port, and ,password=… where it has one", error.Remedy, StringComparison.Ordinal);
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
    [InlineData("host:1,password=a", "host:1,password=a")]
    [InlineData("redis://host", "host:6379")]
    [InlineData("rediss://:P%40W=1@host:6380/2", "host:6380,password=P@W=1,ssl=true,defaultDatabase=2")]
    [InlineData("redis://me:PW@host:1", "host:1,user=me,password=PW")]
    public void An_address_is_taken_as_other_clients_write_it(string given, string connection) => Assert.Equal(connection, RedisAddress.Find(given));

    [Fact]
    public void A_file_may_have_it_so_that_no_argument_shows_its_password()
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, "rediss://:PW@host:1\n");

        Assert.Equal("host:1,password=PW,ssl=true", RedisAddress.Find("@" + file));
        File.Delete(file);
        InputError error = Assert.Single(Assert.Throws<InputException>(() => RedisAddress.Find("@" + file)).Errors);
        Assert.Equal(("--redis", $"'{file}' cannot be read: "), (error.File, error.Message[..($"'{file}' cannot be read: ".Length)]));
    }

    private static async Task<InputError> RefusedAsync(string connection)
    {
        InputError error = Assert.Single((await Assert.ThrowsAsync<InputException>(() => RedisAddress.CheckAsync(RedisAddress.Find(connection)!))).Errors);
        Assert.Equal("--redis", error.File);
        return error;
    }
}

using System.Net.Sockets;
using System.Text;
using Lockstep.Scheduler.Tests.Servers;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Tests.Redis;

/// <summary>What others than a fleet's own processes send to its server: a web page's requests, guesses at the password, commands without it.</summary>
public sealed class ForeignRequestTests(EmbeddedGarnet server)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>What stands before the commands: the beginning of a request, whole or in parts.</summary>
    public static TheoryData<string> Beginnings => new(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://example.org\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u0016\u0003\u0001\r\n",
        "\r\n\r\n",
        "$4\r\n",
        " ",
        "PING\r\n");

    [Theory, MemberData(nameof(Beginnings))]
    public async Task Nothing_of_a_request_s_body_is_executed_and_its_connection_is_closed(string beginning)
    {
        string id = RedisServer.NewId();

        // Even one that knew the password: no request of HTTP is a client's.
        Assert.Equal("", await SendAsync(beginning + Body(id, server.Password)));
        Assert.Equal("", await SendAsync(beginning, Body(id, server.Password)));

        Assert.Equal(0, await FoundAsync(id));
    }

    [Fact]
    public async Task Commands_without_the_password_are_refused()
    {
        string id = RedisServer.NewId();
        string[][] commands = [.. Commands(id), ["EVAL", "while true do end", "0"], ["KEYS", "*"], ["CONFIG", "GET", "*"], ["FLUSHALL"], ["SUBSCRIBE", "x"], ["CLIENT", "LIST"], ["DEBUG", "PANIC"], ["MULTI"]];

        string answer = await SendAsync(string.Concat(commands.Select(Resp)) + Resp(["QUIT"]));

        Assert.Equal(Enumerable.Repeat("-NOAUTH Authentication required.", commands.Length), answer.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Where(line => line != "+OK"));
        Assert.Equal(0, await FoundAsync(id));
    }

    [Theory]
    [InlineData("AUTH", "wrong")]
    [InlineData("AUTH", "default", "wrong")]
    [InlineData("AUTH", "")]
    [InlineData("HELLO", "3", "AUTH", "default", "wrong")]
    public async Task A_wrong_password_costs_the_connection(params string[] guess)
    {
        string id = RedisServer.NewId();

        string answer = await SendAsync(Resp(guess) + Body(id, server.Password));

        Assert.Contains("WRONGPASS", answer, StringComparison.Ordinal);
        Assert.Single(answer.Split("\r\n", StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(0, await FoundAsync(id));
    }

    [Fact]
    public async Task A_greeting_that_has_no_end_is_not_read_to_its_end()
    {
        string answer = await SendAsync("*2\r\n$4\r\nAUTH\r\n$1000000000\r\n", new string('x', 1_000_000));

        Assert.Equal("", answer);
    }

    [Fact]
    public async Task A_script_that_goes_on_for_ever_is_ended()
    {
        await using ConnectionMultiplexer redis = await RedisServer.ConnectAsync(server.EndPoint, server.Password, asyncTimeout: (int)Patience.TotalMilliseconds);

        RedisServerException ended = await Assert.ThrowsAsync<RedisServerException>(() => redis.GetDatabase().ScriptEvaluateAsync("while true do end"));

        Assert.Contains("timeout", ended.Message, StringComparison.Ordinal);
        Assert.Equal(1, (int)await redis.GetDatabase().ScriptEvaluateAsync("return 1"));
    }

    private static string[][] Commands(string id) => [["HSET", $"lockstep:{{{id}}}:job", "json", "{}"], ["RPUSH", $"{id}:jobs", id], ["INCR", $"{id}:term"]];

    private static string Body(string id, string password) => string.Concat(Commands(id).Prepend(["AUTH", password]).Select(Resp));

    private static string Resp(string[] command) => $"*{command.Length}\r\n{string.Concat(command.Select(word => $"${word.Length}\r\n{word}\r\n"))}";

    private async Task<long> FoundAsync(string id) => await (await server.ConnectAsync()).GetDatabase().KeyExistsAsync([$"lockstep:{{{id}}}:job", $"{id}:jobs", $"{id}:term"]);

    /// <summary>Sends bytes, one packet a part where the system lets them be.</summary>
    /// <returns>What came until the server closed the connection; fails where it does not.</returns>
    private async Task<string> SendAsync(params string[] parts)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        await socket.ConnectAsync(server.EndPoint, patience.Token);
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            foreach (string part in parts)
            {
                await socket.SendAsync(Encoding.Latin1.GetBytes(part), patience.Token);
            }

            while (await socket.ReceiveAsync(buffer, patience.Token) is > 0 and var count)
            {
                answer.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
        {
            // Closed with bytes of ours unread.
        }

        return answer.ToString();
    }
}

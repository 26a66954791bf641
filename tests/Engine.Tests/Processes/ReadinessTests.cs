using System.Net;
using System.Net.Sockets;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Tests.Processes;

public sealed class ReadinessTests : IDisposable
{
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private readonly Readiness _readiness = new();
    private readonly Uri _redis;

    public ReadinessTests()
    {
        _server.Start();
        _redis = new Uri($"redis://{_server.LocalEndpoint}");
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _readiness.Dispose();
        _server.Dispose();
    }

    [Theory]
    [InlineData("+PONG\r\n", null)]
    [InlineData("-LOADING the data\r\n", "it answers PING with '-LOADING the data'")]
    [InlineData("", "it answers PING with ''")]
    public async Task A_Redis_is_ready_once_it_answers_a_ping(string answer, string? expected)
    {
        Task<string?> asking = _readiness.AskAsync(_redis, Token);
        using (TcpClient client = await _server.AcceptTcpClientAsync(Token))
        {
            var question = new byte[14];
            await client.GetStream().ReadExactlyAsync(question, Token);
            Assert.Equal("*1\r\n$4\r\nPING\r\n"u8.ToArray(), question);
            await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(answer), Token);
        }

        Assert.Equal(expected, await asking);
    }

    [Fact]
    public async Task What_does_not_listen_or_hangs_did_not_answer()
    {
        // The connection is taken by the system, and nobody reads from it.
        Assert.Equal(Readiness.NoAnswer, await _readiness.AskAsync(_redis, Token));
        _server.Stop();
        Assert.Equal(Readiness.NoAnswer, await _readiness.AskAsync(_redis, Token));
        var http = new Uri($"http://{_redis.Authority}/health");
        Assert.Equal(Readiness.NoAnswer, await _readiness.AskAsync(http, Token));
    }
}

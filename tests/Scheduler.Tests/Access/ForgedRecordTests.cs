using System.Net.Sockets;
using System.Text;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Tests.Access;

/// <summary>Records that no scheduler wrote: those of a web page do not reach Redis, and those of somebody with its password are checked as a request is.</summary>
public sealed class ForgedRecordTests(EmbeddedGarnet redis) : IDisposable
{
    private const string Job = "forged";

    private readonly JobFolder _folder = new();

    private string Outside => _folder.In("outside");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData(InProcessService.Key)]
    public async Task A_web_page_cannot_hand_in_a_job_through_Redis(string? key)
    {
        string queue = RedisServer.NewId();
        await using InProcessService scheduler = await StartAsync(queue, key);
        using HttpClient http = scheduler.Client(key);

        string body = string.Concat(Forgery(queue, Outside, _folder.In("secret.csv")).Select(Resp));
        using (var socket = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await socket.ConnectAsync(redis.EndPoint, TestContext.Current.CancellationToken);
            await socket.SendAsync(Encoding.ASCII.GetBytes($"POST / HTTP/1.1\r\nHost: {redis.EndPoint}\r\nOrigin: https://example.org\r\nContent-Type: text/plain\r\nContent-Length: {body.Length}\r\n\r\n{body}"), TestContext.Current.CancellationToken);
            await EndOf(socket);
        }

        IDatabase database = (await redis.ConnectAsync()).GetDatabase();
        Assert.Equal(0, await database.KeyExistsAsync([$"lockstep:{{{Job}}}:job", $"lockstep:{queue}:jobs"]));
        Assert.Equal(1, (int)await database.StringGetAsync($"lockstep:{queue}:term"));
        Assert.Equal("[]", await http.GetStringAsync(SchedulerRoutes.Jobs, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("data", "'{0}/secret.csv' is not allowed here.")]
    [InlineData("folder", "'{0}/outside' is not allowed here.")]
    [InlineData("job", "globalBatch")]
    public async Task A_record_that_no_caller_could_hand_in_fails_and_nothing_that_it_names_is_touched(string what, string reason)
    {
        string queue = RedisServer.NewId();
        IDatabase database = (await redis.ConnectAsync()).GetDatabase();
        foreach (string[] command in Forgery(queue, what == "folder" ? Outside : _folder.In("runs/x"), what == "data" ? _folder.In("secret.csv") : _folder.Train))
        {
            await database.ExecuteAsync(command[0], [.. command.Skip(1).Select(word => what == "job" ? word.Replace("\"globalBatch\":8", "\"globalBatch\":-8", StringComparison.Ordinal) : word)]);
        }

        await using InProcessService scheduler = await StartAsync(queue, key: null);
        using HttpClient http = scheduler.Client();
        string jobs = await http.GetStringAsync(SchedulerRoutes.Jobs, TestContext.Current.CancellationToken);
        await database.KeyDeleteAsync($"lockstep:{{{Job}}}:job");

        Assert.Contains("\"state\":\"failed\"", jobs, StringComparison.Ordinal);
        Assert.Contains(string.Format(System.Globalization.CultureInfo.InvariantCulture, reason, _folder.Path), jobs, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Runs));
        Assert.False(Directory.Exists(Outside));
    }

    private Task<InProcessService> StartAsync(string queue, string? key) => InProcessService.SchedulerAsync(redis, [.. _folder.Settings, (EnvironmentNames.Queue, queue), .. key is null ? [] : new[] { (EnvironmentNames.ApiKey, key) }]);

    /// <summary>A running job of another scheduler, and a new term, so that the one that is there reads it.</summary>
    private string[][] Forgery(string queue, string folder, string data)
    {
        SubmitRequest request = _folder.Request(Job, data, folder);
        return
        [
            ["HSET", $"lockstep:{{{Job}}}:job", "json", request.JobJson, "directory", request.RunDirectory, "resume", "", "state", $"{(int)JobState.Running}", "error", ""],
            ["RPUSH", $"lockstep:{queue}:jobs", Job],
            ["INCR", $"lockstep:{queue}:term"],
        ];
    }

    private static string Resp(string[] command) => $"*{command.Length}\r\n{string.Concat(command.Select(word => $"${word.Length}\r\n{word}\r\n"))}";

    private static async Task EndOf(Socket socket)
    {
        try
        {
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken));
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed with bytes of ours unread.
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net;
using Lockstep.Contracts.Services;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.Engine.Processes;
using Lockstep.Scheduler.Tests.Servers;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A service by itself, above all where its Redis is not there when it starts.</summary>
public sealed class LoneServiceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    [Fact]
    public async Task The_scheduler_says_what_is_missing_and_is_ready_once_it_is_there()
    {
        await using var redis = new DebianRedis();
        redis.Require();
        using ServiceProcess scheduler = Start(Services.Scheduler, $"{redis.EndPoint}", out Uri address);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address };

        Assert.Equal((HttpStatusCode.OK, "Healthy"), await AnswerAsync(http, SchedulerRoutes.Alive, answer => true));
        (HttpStatusCode status, string body) = await AnswerAsync(http, SchedulerRoutes.Health, answer => true);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("redis: Redis cannot be reached.", body, StringComparison.Ordinal);

        await redis.InitializeAsync();
        await AnswerAsync(http, SchedulerRoutes.Health, answer => answer.Status == HttpStatusCode.OK);
    }

    /// <summary>All that a worker has beside what is open to everybody; the other services' endpoints are found by reflection where they run within the tests.</summary>
    [Fact]
    public async Task A_worker_shows_its_metrics_to_nobody_without_the_key()
    {
        const string Key = "a-key-of-this-test-alone";
        await using var redis = new DebianRedis();
        redis.Require();
        await redis.InitializeAsync();
        using ServiceProcess worker = Start(Services.Worker, $"{redis.EndPoint}", out Uri address, (EnvironmentNames.ApiKey, Key));
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address };

        Assert.Equal(HttpStatusCode.Unauthorized, (await AnswerAsync(http, SchedulerRoutes.Metrics, answer => true)).Status);
        http.DefaultRequestHeaders.Add(SchedulerHeaders.ApiKey, Key[1..]);
        Assert.Equal(HttpStatusCode.Unauthorized, (await AnswerAsync(http, SchedulerRoutes.Metrics, answer => true)).Status);
        http.DefaultRequestHeaders.Remove(SchedulerHeaders.ApiKey);
        Assert.Equal(HttpStatusCode.OK, (await AnswerAsync(http, SchedulerRoutes.Alive, answer => true)).Status);
        http.DefaultRequestHeaders.Add(SchedulerHeaders.ApiKey, Key);
        Assert.Equal(HttpStatusCode.OK, (await AnswerAsync(http, SchedulerRoutes.Metrics, answer => true)).Status);
    }

    [Theory]
    [InlineData(Services.Scheduler)]
    [InlineData(Services.Worker)]
    public async Task It_does_not_outlive_its_launcher(string service)
    {
        using Process launcher = Process.Start("true");
        await launcher.WaitForExitAsync(TestContext.Current.CancellationToken);
        using ServiceProcess process = Start(service, $"127.0.0.1:{FreePorts.Take(1)[0]}", out _, (EnvironmentNames.ParentProcess, launcher.Id.ToString(CultureInfo.InvariantCulture)));

        // Killed where it was still waiting, or ended by itself before.
        int[] wanted = service == Services.Worker ? [0, 128 + SystemProcess.Kill] : [128 + SystemProcess.Kill];
        Assert.Contains(await process.EndAsync(TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken), wanted);
    }

    /// <summary>Asks again until the service listens and says what is wanted.</summary>
    private static async Task<(HttpStatusCode Status, string Body)> AnswerAsync(HttpClient http, string path, Func<(HttpStatusCode Status, string Body), bool> isWanted)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        (HttpStatusCode Status, string Body) answer = default;
        long begun = Stopwatch.GetTimestamp();
        do
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < Patience, $"{path} after {Patience.TotalSeconds} s: {answer}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellation);
            try
            {
                using HttpResponseMessage response = await http.GetAsync(path, cancellation);
                answer = (response.StatusCode, await response.Content.ReadAsStringAsync(cancellation));
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
                continue;
            }
        }
        while (answer == default || !isWanted(answer));
        return answer;
    }

    private static ServiceProcess Start(string service, string redis, out Uri address, params (string Name, string Value)[] more)
    {
        int[] ports = [.. FreePorts.Take(2)];
        address = new Uri($"http://127.0.0.1:{ports[0]}");
        var environment = SystemProcess.EnvironmentOf(Environment.ProcessId).ToDictionary();
        environment[EnvironmentNames.RedisConnection] = redis;
        environment[EnvironmentNames.Secret] = new string('0', 64);
        environment[EnvironmentNames.WorkerId] = "alone";
        environment[EnvironmentNames.SchedulerGrpc] = environment["Kestrel__Endpoints__grpc__Url"] = $"http://127.0.0.1:{ports[1]}";
        environment["Kestrel__Endpoints__http__Url"] = address.OriginalString;
        foreach ((string name, string value) in more)
        {
            environment[name] = value;
        }

        return ServiceProcess.Start(Built.Services.PathOf(service), environment);
    }
}

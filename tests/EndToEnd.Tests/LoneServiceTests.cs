using System.Diagnostics;
using System.Globalization;
using System.Net;
using Lockstep.Contracts.Services;
using Lockstep.Coordination.Tests.Servers;
using Lockstep.Engine.Processes;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A service whose Redis is not there when it starts.</summary>
public sealed class LoneServiceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task The_scheduler_says_what_is_missing_and_is_ready_once_it_is_there()
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        await using var redis = new DebianRedis();
        redis.Require();
        using ServiceProcess scheduler = Start(Services.Scheduler, $"{redis.EndPoint}", out Uri address);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address };

        Assert.Equal((HttpStatusCode.OK, "Healthy"), await AnswerAsync(SchedulerRoutes.Alive, answer => true));
        (HttpStatusCode status, string body) = await AnswerAsync(SchedulerRoutes.Health, answer => true);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("redis: Redis cannot be reached.", body, StringComparison.Ordinal);

        await redis.InitializeAsync();
        await AnswerAsync(SchedulerRoutes.Health, answer => answer.Status == HttpStatusCode.OK);

        async Task<(HttpStatusCode Status, string Body)> AnswerAsync(string path, Func<(HttpStatusCode Status, string Body), bool> isWanted)
        {
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
    }

    [Theory]
    [InlineData(Services.Scheduler)]
    [InlineData(Services.Worker)]
    public async Task It_does_not_outlive_its_launcher(string service)
    {
        using Process launcher = Process.Start("true");
        await launcher.WaitForExitAsync(TestContext.Current.CancellationToken);
        using ServiceProcess process = Start(service, $"127.0.0.1:{FreePorts.Take(1)[0]}", out _, (EnvironmentNames.ParentProcess, launcher.Id.ToString(CultureInfo.InvariantCulture)));

        // Killed, as it was still waiting.
        Assert.Equal(128 + SystemProcess.Kill, await process.EndAsync(TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken));
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

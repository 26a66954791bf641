using System.Net;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;

namespace Lockstep.Scheduler.Tests.Workers;

/// <summary>A scheduler that was not told of all parameter servers does no harm to jobs that have more.</summary>
public sealed class UnfitSchedulerTests(EmbeddedGarnet redis) : IDisposable
{
    private readonly JobFolder _folder = new();
    private readonly string _queue = RedisServer.NewId();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Beside_another_one_it_stands_by_and_leaves_the_job_to_that_one()
    {
        await using InProcessService ps0 = await InProcessService.ParameterServerAsync();
        await using InProcessService ps1 = await InProcessService.ParameterServerAsync();
        (string Name, string Value)[] settings = [.. _folder.Settings, (EnvironmentNames.Queue, _queue), Address(0, ps0)];
        await using InProcessService fit = await InProcessService.SchedulerAsync(redis, [.. settings, Address(1, ps1)]);
        using HttpClient http = fit.Client();
        using HttpResponseMessage submitted = await http.PostAsync(SchedulerRoutes.Jobs, Requests.Json(new SubmitRequest("two", JobFile.ToCanonicalJson(_folder.Job() with { Shards = 2 }))), Token);
        submitted.EnsureSuccessStatusCode();

        await using InProcessService unfit = await InProcessService.UnreadySchedulerAsync(redis, settings);
        await unfit.Logs.WaitAsync("Parameter servers that are known here: 1, fewer than job two has, and another scheduler is in charge of it", Token);

        using HttpClient other = unfit.Client();
        using HttpResponseMessage standsBy = await other.GetAsync(SchedulerRoutes.Jobs, Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, standsBy.StatusCode);
        using HttpResponseMessage asked = await http.GetAsync(SchedulerRoutes.Job("two"), Token);
        Assert.Equal(HttpStatusCode.OK, asked.StatusCode);
        Assert.DoesNotContain(fit.Logs.Lines, line => line.Contains("Another scheduler is in charge", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Alone_it_fails_no_job_for_what_is_missing_in_its_own_environment()
    {
        var store = new JobStore(await redis.ConnectAsync(), _queue);
        await store.BeginTermAsync(Token);
        await store.SubmitAsync(_folder.Request("job", runDirectory: _folder.In("runs")), Token);
        await store.SetStateAsync("job", JobState.Running, null, null, new JobProgress(3, 10, 1), Token);

        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, [.. _folder.Settings, (EnvironmentNames.Queue, _queue)]);
        await scheduler.Logs.WaitAsync("Job job is left as it is: environment: services__ps-0__grpc__0 is ''", Token);

        Assert.Equal(JobState.Running, (await store.FindAsync("job", Token))!.State);
    }

    private static (string Name, string Value) Address(int shard, InProcessService service) => (EnvironmentNames.ShardGrpc(shard).Replace("__", ":", StringComparison.Ordinal), service.Grpc.OriginalString);
}

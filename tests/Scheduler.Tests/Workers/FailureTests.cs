using Grpc.Net.Client;
using Lockstep.Contracts.Services;
using Lockstep.Coordination.Tests.Servers;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Scheduler.Tests.Workers;

/// <summary>Workers that cannot read a job's data.</summary>
public sealed class FailureTests(EmbeddedGarnet redis) : IDisposable
{
    private const string Class = "test, 1 thread";
    private const string Missing = "rows.csv: There is no such data file. Correct the path.";

    private readonly JobFolder _folder = new();
    private readonly string _id = RedisServer.NewId();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Where_nobody_could_open_the_job_yet_it_is_the_jobs_fault()
    {
        await using InProcessService shard = await InProcessService.ParameterServerAsync();
        await using InProcessService scheduler = await StartAsync(shard);
        using GrpcChannel channel = GrpcChannels.Create(scheduler.Grpc, null);
        var client = new Transport.Protos.Scheduler.SchedulerClient(channel);
        JobRun job = await SubmitAsync(scheduler);
        using var first = await JoinAsync(client, "worker-1");

        await FailAsync(client, "worker-1");

        Assert.Equal((JobState.Failed, $"bad input: {Missing}"), (job.State, job.Error));
    }

    [Fact]
    public async Task Where_another_could_it_is_the_workers_and_the_jobs_only_once_nobody_gets_on()
    {
        await using InProcessService shard = await InProcessService.ParameterServerAsync();
        await using InProcessService scheduler = await StartAsync(shard);
        using GrpcChannel channel = GrpcChannels.Create(scheduler.Grpc, null);
        var client = new Transport.Protos.Scheduler.SchedulerClient(channel);
        JobRun job = await SubmitAsync(scheduler);
        using var first = await JoinAsync(client, "worker-1");
        using var second = await JoinAsync(client, "worker-2");
        job.DeterminismClass = Class;

        for (int times = 0; times < 4; times++)
        {
            await FailAsync(client, "worker-1");
        }

        Assert.Equal(JobState.Running, job.State);
        Assert.Contains(job.Log(0, 100).Events, item => item.Note?.StartsWith($"worker-1 could not go on ({Missing}); it gets no work for ", StringComparison.Ordinal) == true);

        for (int times = 0; times < 3; times++)
        {
            Assert.False(job.IsOver);
            await FailAsync(client, "worker-2");
        }

        Assert.Equal((JobState.Failed, $"Job {_id}: worker-2 failed 3 times at step 0, and no other worker gets on there. The last time: {Missing}"), (job.State, job.Error));
    }

    private Task<InProcessService> StartAsync(InProcessService shard) =>
        InProcessService.SchedulerAsync(redis, [.. _folder.Settings, (EnvironmentNames.Scaling, "fixed"), (EnvironmentNames.ShardGrpc(0).Replace("__", ":", StringComparison.Ordinal), shard.Grpc.OriginalString)]);

    private async Task<JobRun> SubmitAsync(InProcessService scheduler)
    {
        using HttpClient http = scheduler.Client();
        using HttpResponseMessage submitted = await http.PostAsync(SchedulerRoutes.Jobs, Requests.Json(_folder.Request(_id)), Token);
        submitted.EnsureSuccessStatusCode();
        return scheduler.Services.GetRequiredService<JobManager>().Find(_id)!;
    }

    /// <summary>Returns once the worker has the job.</summary>
    private async Task<Grpc.Core.AsyncServerStreamingCall<Assignment>> JoinAsync(Transport.Protos.Scheduler.SchedulerClient client, string worker)
    {
        var joined = client.Join(new JoinRequest { WorkerId = worker, DeterminismClass = Class, Threads = 1 }, cancellationToken: Token);
        do
        {
            Assert.True(await joined.ResponseStream.MoveNext(Token));
        }
        while (joined.ResponseStream.Current.JobId != _id);
        return joined;
    }

    private async Task FailAsync(Transport.Protos.Scheduler.SchedulerClient client, string worker) =>
        await client.FailAsync(new FailRequest { WorkerId = worker, JobId = _id, Error = Missing, BadInput = true }, cancellationToken: Token);
}

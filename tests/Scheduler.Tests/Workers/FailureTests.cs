using Grpc.Net.Client;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Scheduler.Tests.Workers;

/// <summary>Workers that cannot read a job's data.</summary>
public sealed class FailureTests(EmbeddedGarnet redis) : IAsyncLifetime
{
    private const string Class = "test, 1 thread";
    private const string Missing = "rows.csv: There is no such data file. Correct the path.";

    private readonly JobFolder _folder = new();
    private readonly string _id = RedisServer.NewId();

    private InProcessService _shard = null!;
    private InProcessService _scheduler = null!;
    private GrpcChannel _channel = null!;

    private Transport.Protos.Scheduler.SchedulerClient Client => new(_channel);

    public async ValueTask InitializeAsync()
    {
        _shard = await InProcessService.ParameterServerAsync();
        _scheduler = await InProcessService.SchedulerAsync(redis, [.. _folder.Settings, (EnvironmentNames.Scaling, "fixed"), (EnvironmentNames.ShardGrpc(0).Replace("__", ":", StringComparison.Ordinal), _shard.Grpc.OriginalString)]);
        _channel = GrpcChannels.Create(_scheduler.Grpc, null);
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _scheduler.DisposeAsync();
        await _shard.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Where_nobody_could_open_the_job_yet_it_is_the_jobs_fault()
    {
        ScheduledJob job = await SubmitAsync();
        using var first = await JoinAsync("worker-1");

        await FailAsync("worker-1");

        Assert.Equal((JobState.Failed, Missing, FailureCause.Input), (job.State, job.Error, job.Cause));
    }

    [Fact]
    public async Task Where_another_could_it_is_the_workers_and_the_jobs_only_once_nobody_gets_on()
    {
        ScheduledJob job = await SubmitAsync();
        using var first = await JoinAsync("worker-1");
        using var second = await JoinAsync("worker-2");
        Assert.Equal(JobState.Checking, job.State);
        Assert.True(await job.TellAsync(new JobMessage.Opened(Class)));

        for (int times = 0; times < 4; times++)
        {
            await FailAsync("worker-1");
        }

        Assert.Equal(JobState.Running, job.State);
        Assert.Contains(job.Log(0, 100).Events, item => item.Note?.StartsWith($"worker-1 could not go on ({Missing}); it gets no work for ", StringComparison.Ordinal) == true);

        for (int times = 0; times < 3; times++)
        {
            Assert.False(job.IsOver);
            await FailAsync("worker-2");
        }

        Assert.Equal((JobState.Failed, $"Job {_id}: worker-2 failed 3 times at step 0, and no other worker gets on there. The last time: {Missing}"), (job.State, job.Error));
    }

    private async Task<ScheduledJob> SubmitAsync()
    {
        using HttpClient http = _scheduler.Client();
        using HttpResponseMessage submitted = await http.PostAsync(SchedulerRoutes.Jobs, Requests.Json(_folder.Request(_id)), Token);
        submitted.EnsureSuccessStatusCode();
        return _scheduler.Services.GetRequiredService<JobList>().Find(_id)!;
    }

    /// <summary>Returns once the worker has the job.</summary>
    private async Task<Grpc.Core.AsyncServerStreamingCall<Assignment>> JoinAsync(string worker)
    {
        var joined = Client.Join(new JoinRequest { WorkerId = worker, DeterminismClass = Class, Threads = 1 }, cancellationToken: Token);
        do
        {
            Assert.True(await joined.ResponseStream.MoveNext(Token));
        }
        while (joined.ResponseStream.Current.JobId != _id);
        return joined;
    }

    private async Task FailAsync(string worker) =>
        await Client.FailAsync(new FailRequest { WorkerId = worker, JobId = _id, Error = Missing, BadInput = true }, cancellationToken: Token);
}

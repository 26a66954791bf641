using Grpc.Core;
using Grpc.Net.Client;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Tests.Workers;

/// <summary>A scheduler that stops while workers are at work.</summary>
public sealed class StoppingTests(EmbeddedGarnet redis) : IDisposable
{
    private readonly JobFolder _folder = new();
    private readonly string _id = RedisServer.NewId();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Workers_keep_their_job_over_the_end_of_their_scheduler_and_no_call_fails()
    {
        await using InProcessService shard = await InProcessService.ParameterServerAsync();
        InProcessService scheduler = await InProcessService.SchedulerAsync(redis, [.. _folder.Settings, (EnvironmentNames.ShardGrpc(0).Replace("__", ":", StringComparison.Ordinal), shard.Grpc.OriginalString)]);
        using GrpcChannel channel = GrpcChannels.Create(scheduler.Grpc, null);
        AsyncServerStreamingCall<Assignment> joined;
        await using (scheduler)
        {
            using HttpClient http = scheduler.Client();
            using HttpResponseMessage submitted = await http.PostAsync("/jobs", Requests.Json(_folder.Request(_id)), Token);
            submitted.EnsureSuccessStatusCode();
            joined = new Transport.Protos.Scheduler.SchedulerClient(channel).Join(new JoinRequest { WorkerId = "worker-1", DeterminismClass = "test, 1 thread", Threads = 1 }, cancellationToken: Token);
            do
            {
                Assert.True(await joined.ResponseStream.MoveNext(Token));
            }
            while (joined.ResponseStream.Current.JobId != _id);
        }

        joined.Dispose();
        Assert.Contains(scheduler.Logs.Lines, line => line.Contains("worker-1 joined", StringComparison.Ordinal));
        Assert.DoesNotContain(scheduler.Logs.Lines, line => line.Contains("worker-1 left", StringComparison.Ordinal) || line.Contains("waiting for workers", StringComparison.Ordinal) || line.Contains("Exception", StringComparison.Ordinal));
    }
}

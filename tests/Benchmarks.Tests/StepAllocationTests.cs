using System.Diagnostics.Metrics;
using System.Net;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Hosting;
using Lockstep.SystemBenchmark.Stubs;
using Lockstep.Transport;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Lockstep.Worker.Loop;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lockstep.Benchmarks.Tests;

/// <summary>What a step allocates from end to end: a real shard, and two real loops of workers with real streams to it, all in this process, over a stub in place of a model.</summary>
[Collection(nameof(StepAllocationTests))]
public sealed class StepAllocationTests : IDisposable
{
    private const int WarmSteps = 10;
    private const int Windows = 8;
    private const int Steps = 2;
    private const int Workers = 2;

    private readonly string _folder = Directory.CreateTempSubdirectory("lockstep-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // KB, of the shard and both workers together. A step of 16 MB moves 64 MB; over HTTP/2 each of its frames costs the library something.
    [Theory]
    [InlineData(StreamTransport.Shared, 96, 128)]
    [InlineData(StreamTransport.Grpc, 4 << 10, 24 << 10)]
    public async Task A_step_allocates_little_whatever_the_models_size(StreamTransport transport, double most, double mostBySize)
    {
        double small = await KilobytesAsync(transport, 1 << 20);
        double large = await KilobytesAsync(transport, 16 << 20);

        TestContext.Current.TestOutputHelper?.WriteLine($"{transport}: {small:F1} KB a step of 1 MB, {large:F1} of 16 MB");
        Assert.True(small <= most, $"A step of 1 MB allocates {small:F1} KB, and at most {most} are wanted.");
        Assert.True(large - small <= mostBySize, $"A step of 16 MB allocates {large:F1} KB where one of 1 MB takes {small:F1}, and at most {mostBySize} more are wanted.");
    }

    /// <returns>KB a step, of the shard and the workers together, in the steps that allocate least: on a machine that others keep busy a step waits longer, and who waits allocates.</returns>
    private async Task<double> KilobytesAsync(StreamTransport transport, long bytes)
    {
        var job = new StubJob(bytes, Slots: 2 * Workers, Path.Combine(_folder, $"{bytes}"));
        TrainingPlan training = job.Create();
        await using var host = new ShardHost(0, null, long.MaxValue, TimeProvider.System, new SilentShardObserver(), room: transport == StreamTransport.Grpc ? null : new SharedMemory().Versions);
        await using WebApplication server = await ServeAsync(host, transport);
        var address = new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        using var stop = new CancellationTokenSource();
        Task[] loops = [.. Enumerable.Range(0, Workers).Select(number => Task.Run(() => WorkAsync($"stub-{number}", training, address, transport, stop.Token)))];
        Task<double> measuring = MeasureAsync(host);
        // A loop that ends has failed.
        await await Task.WhenAny([measuring, .. loops]);
        await stop.CancelAsync();
        await Task.WhenAll(loops).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await server.StopAsync(new CancellationToken(canceled: true));
        return await measuring;
    }

    private static async Task<double> MeasureAsync(ShardHost host)
    {
        await Waiting.UntilAsync(() => host.Describe(StubJob.JobId) is not null, "a worker that opens the job");
        double least = double.PositiveInfinity;
        long before = 0;
        await foreach (StepReport report in host.WatchAsync(StubJob.JobId, 0, TestContext.Current.CancellationToken))
        {
            if (report.Cursor.Step < WarmSteps || (report.Cursor.Step - WarmSteps) % Steps > 0)
            {
                continue;
            }

            long now = GC.GetTotalAllocatedBytes(precise: true);
            least = report.Cursor.Step == WarmSteps ? least : Math.Min(least, (now - before) / 1024.0 / Steps);
            before = now;
            if (report.Cursor.Step == WarmSteps + (Windows * Steps))
            {
                break;
            }
        }

        return least;
    }

    private async Task<WebApplication> ServeAsync(IShardHost host, StreamTransport transport)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.Sources.Clear();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(host);
        if (transport != StreamTransport.Grpc)
        {
            var ends = new WaitsEnd();
            builder.Services.AddSingleton(new MemoryStepServer(host, _folder, null, TimeProvider.System, NullLogger<MemoryStepServer>.Instance, ends));
        }

        builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = null);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        WebApplication app = builder.Build();
        app.MapGrpcService<ShardGrpcService>();
        await app.StartAsync();
        return app;
    }

    private static async Task WorkAsync(string name, TrainingPlan training, Uri address, StreamTransport transport, CancellationToken stop)
    {
        await using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        await using var shard = new GrpcShardClient(address, 0, TimeProvider.System, transport: transport);
        using var compute = new ComputeThread();
        using var trainer = new StubTrainer(training.Layout.Elements);
        var metrics = new WorkerMetrics(services.GetRequiredService<IMeterFactory>());
        await new TrainingLoop(training, name, [shard], trainer, compute, metrics, TimeProvider.System, NullLogger<TrainingLoop>.Instance, sums: transport == StreamTransport.Grpc ? null : new SharedMemory().Sums).RunAsync(CancellationToken.None, stop);
    }
}

/// <summary>The whole process is counted: nothing else may run beside it.</summary>
[CollectionDefinition(nameof(StepAllocationTests), DisableParallelization = true)]
public sealed class StepAllocationSet;

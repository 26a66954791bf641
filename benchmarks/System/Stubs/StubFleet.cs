using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>A real parameter server in a fleet without workers, and processes of stub workers beside it.</summary>
internal sealed class StubFleet : IAsyncDisposable
{
    private readonly LocalFleet _fleet;
    private readonly StubJob _job;
    private readonly List<Subprocess> _workers = [];

    private StubFleet(LocalFleet fleet, StubJob job)
    {
        _fleet = fleet;
        _job = job;
    }

    /// <value>Process id of the parameter server.</value>
    public int Shard => _fleet.Processes.First(p => p.Name == "ps-0").ProcessId;

    public Uri Address => _fleet.Shards[0];

    public string Secret => _fleet.Secret;

    /// <summary>Starts all of it.</summary>
    /// <param name="processes">Of workers.</param>
    /// <param name="each">Workers in each process.</param>
    /// <param name="bits">Of <see cref="StubJob.Bits"/>.</param>
    public static async Task<StubFleet> StartAsync(Bench bench, long bytes, int slots, int processes, int each, CancellationToken cancellation, int bits = 32)
    {
        string folder = bench.NewPath("stub");
        LocalFleet fleet = await LocalFleet.StartAsync(
            new FleetOptions
            {
                Services = BuiltTree.Services,
                LogDirectory = Path.Combine(folder, "logs"),
                Shards = 1,
                Workers = 0,
                RedisServerAssembly = BuiltTree.Lockstep,
                Queue = StubJob.JobId,
                Environment = new Dictionary<string, string> { [EnvironmentNames.RunsRoot] = folder },
            },
            TimeProvider.System,
            cancellation);
        var stub = new StubFleet(fleet, new StubJob(bytes, slots, Path.Combine(folder, "checkpoints")) { Bits = bits });
        for (int i = 0; i < processes; i++)
        {
            stub._workers.Add(new Subprocess(DotnetHost.Start(
                typeof(StubFleet).Assembly.Location,
                StubCommand.Arguments(stub._job, string.Create(CultureInfo.InvariantCulture, $"stub-{i}-"), each, bench.StubWindow),
                [new(EnvironmentNames.ShardGrpc(0), fleet.Shards[0].OriginalString), new(EnvironmentNames.Secret, fleet.Secret)])));
        }

        return stub;
    }

    /// <summary>Waits until the first process has measured its window.</summary>
    /// <returns>Milliseconds of a step, the median.</returns>
    public async Task<double> StepMsAsync(CancellationToken cancellation)
    {
        string? line = await _workers[0].ReadLineAsync(cancellation);
        if (line is null)
        {
            await _workers[0].WaitAsync(cancellation);
        }

        return double.Parse(line ?? throw new InvalidOperationException("The stub workers ended without a figure."), CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Subprocess worker in _workers)
        {
            await worker.DisposeAsync();
        }

        await _fleet.DisposeAsync();
    }
}

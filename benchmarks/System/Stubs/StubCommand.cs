using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.SystemBenchmark.Runs;
using Lockstep.Transport;
using Lockstep.Transport.Memory;
using Lockstep.Worker.Loop;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using System.Diagnostics.Metrics;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>This program as a process of stub workers: the real loop of a worker, with streams to a real parameter server, over a trainer that computes nothing. Prints the median of its first worker's steps once its window is over, and goes on until its input ends.</summary>
internal static class StubCommand
{
    public const string Name = "stub";

    private static readonly Option<long> Bytes = new("--bytes");
    private static readonly Option<int> Slots = new("--slots");
    private static readonly Option<int> Bits = new("--bits");
    private static readonly Option<string> Folder = new("--folder");
    private static readonly Option<string> Prefix = new("--prefix");
    private static readonly Option<int> Workers = new("--workers");
    private static readonly Option<double> Warm = new("--warm");
    private static readonly Option<double> Seconds = new("--seconds");
    private static readonly Option<int> Steps = new("--steps");

    public static Command Create()
    {
        var command = new Command(Name) { Bytes, Slots, Bits, Folder, Prefix, Workers, Warm, Seconds, Steps };
        command.SetAction(RunAsync);
        return command;
    }

    /// <summary>Arguments of one such process.</summary>
    /// <param name="prefix">Of its workers' names.</param>
    public static IEnumerable<string> Arguments(StubJob job, string prefix, int workers, SteadyWindow window) =>
    [
        Name,
        Bytes.Name, Text(job.Bytes),
        Slots.Name, Text(job.Slots),
        Bits.Name, Text(job.Bits),
        Folder.Name, job.Folder,
        Prefix.Name, prefix,
        Workers.Name, Text(workers),
        Warm.Name, Text(window.Warm.TotalSeconds),
        Seconds.Name, Text(window.Length.TotalSeconds),
        Steps.Name, Text(window.Steps),
    ];

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var job = new StubJob(parsed.GetValue(Bytes), parsed.GetValue(Slots), parsed.GetValue(Folder)!) { Bits = parsed.GetValue(Bits) };
        TrainingPlan training = job.Create();
        IConfiguration configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
        await using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var metrics = new WorkerMetrics(services.GetRequiredService<IMeterFactory>());
        StubTrainer[] trainers = [.. Enumerable.Range(0, parsed.GetValue(Workers)).Select(_ => new StubTrainer(job.Elements))];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Func<int, Memory<int>>? sums = StreamTransports.From(configuration) == StreamTransport.Grpc ? null : new SharedMemory().Sums;
        Task[] loops = [.. trainers.Select((trainer, number) => Task.Run(() => WorkAsync($"{parsed.GetValue(Prefix)}{number}", trainer), CancellationToken.None))];
        Task<double> measuring = MeasureAsync(trainers[0], TimeSpan.FromSeconds(parsed.GetValue(Warm)), TimeSpan.FromSeconds(parsed.GetValue(Seconds)), parsed.GetValue(Steps), stop.Token);
        Task first = await Task.WhenAny([measuring, .. loops]);
        await first;
        Console.WriteLine((await measuring).ToString(CultureInfo.InvariantCulture));
        await Console.In.ReadToEndAsync(cancellation);
        await stop.CancelAsync();
        await Task.WhenAll(loops).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return 0;

        async Task WorkAsync(string name, StubTrainer trainer)
        {
            IReadOnlyList<IShardWork> shards = ShardClients.FromConfiguration(configuration, training.Descriptor.Shards, TimeProvider.System);
            using var compute = new ComputeThread();
            try
            {
                await new TrainingLoop(training, name, shards, trainer, compute, metrics, TimeProvider.System, NullLogger<TrainingLoop>.Instance, sums: sums).RunAsync(CancellationToken.None, stop.Token);
            }
            finally
            {
                foreach (IShardWork shard in shards)
                {
                    await shard.DisposeAsync();
                }
            }
        }
    }

    /// <returns>Milliseconds from the begin of a step to that of the next, the median.</returns>
    private static async Task<double> MeasureAsync(StubTrainer trainer, TimeSpan warm, TimeSpan length, int steps, CancellationToken cancellation)
    {
        TimeSpan pause = TimeSpan.FromMilliseconds(100);
        while (true)
        {
            await Task.Delay(pause, cancellation);
            IReadOnlyList<(long Step, long At)> begun = trainer.Begun;
            (long Step, long At)[] steady = [.. begun.Where(b => Stopwatch.GetElapsedTime(begun[0].At, b.At) >= warm)];
            if (steady.Length > steps && Stopwatch.GetElapsedTime(steady[0].At, steady[^1].At) >= length)
            {
                // A step of which this worker computed nothing has no begin: the time of both is halved.
                return Measured.Median([.. steady.Zip(steady.Skip(1), (a, b) => Stopwatch.GetElapsedTime(a.At, b.At).TotalMilliseconds / (b.Step - a.Step))]);
            }
        }
    }

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}

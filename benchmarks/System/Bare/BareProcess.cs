using Lockstep.Contracts.Services;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lockstep.Benchmarks;
using Lockstep.Engine.Processes;
using Lockstep.SystemBenchmark.Rows;
using Lockstep.SystemBenchmark.Runs;

namespace Lockstep.SystemBenchmark.Bare;

/// <summary>This program as a process of its own that computes on one thread and nothing else, as workers do. It says that it is ready, waits for a line, and prints its figures.</summary>
internal static class BareProcess
{
    public static Argument<string> Job { get; } = new("job");
    public static Option<string[]> Set { get; } = new("--set") { DefaultValueFactory = _ => [] };
    public static Option<double> Warm { get; } = new("--warm");
    public static Option<double> Seconds { get; } = new("--seconds");

    /// <param name="compute">Of the job, with the time to warm up and the time to measure; is to call back once it is warm.</param>
    public static Command Command(string name, Action<BareRun> compute)
    {
        var command = new Command(name) { Job, Set, Warm, Seconds };
        command.SetAction(parsed =>
        {
            var run = new BareRun(new TrainedJob(parsed.GetValue(Job)!, parsed.GetValue(Set)!), TimeSpan.FromSeconds(parsed.GetValue(Warm)), TimeSpan.FromSeconds(parsed.GetValue(Seconds)));
            compute(run);
            Console.WriteLine(JsonSerializer.Serialize(run.Figures));
        });
        return command;
    }

    /// <summary>Runs it in several processes that compute at the same time.</summary>
    /// <returns>The figures of each.</returns>
    public static async Task<IReadOnlyList<Figures>> RunAsync(Bench bench, string command, TrainedJob job, int processes, CancellationToken cancellation)
    {
        var running = new List<Subprocess>();
        try
        {
            for (int i = 0; i < processes; i++)
            {
                running.Add(new Subprocess(DotnetHost.Start(
                    typeof(BareProcess).Assembly.Location,
                    [command, job.File, .. job.Settings.SelectMany(setting => new[] { Set.Name, setting }), Warm.Name, Number(bench.Window.Warm.TotalSeconds / 2), Seconds.Name, Number(bench.Window.Length.TotalSeconds)],
                    [])));
            }

            foreach (Subprocess process in running)
            {
                while (await process.ReadLineAsync(cancellation) is { } line && line != BareRun.Ready)
                {
                }
            }

            await Task.WhenAll(running.Select(process => process.WriteLineAsync("go")));
            string[] output = await Task.WhenAll(running.Select(process => process.FinishAsync(cancellation)));
            return [.. output.Select(text => JsonSerializer.Deserialize<Figures>(text)!)];
        }
        finally
        {
            foreach (Subprocess process in running)
            {
                await process.DisposeAsync();
            }
        }
    }

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>One computation in a bare process.</summary>
internal sealed class BareRun(TrainedJob job, TimeSpan warm, TimeSpan length)
{
    public const string Ready = "ready";

    private bool _begun;

    public TrainedJob Job { get; } = job;

    public Figures Figures { get; } = new();

    /// <summary>Does something over and over, and counts it once it is warm and, the first time, the parent said go.</summary>
    /// <returns>How often a second.</returns>
    public double PerSecond(Action once)
    {
        Count(once, warm);
        if (!_begun)
        {
            _begun = true;
            Console.WriteLine(Ready);
            Console.ReadLine();
        }

        return Count(once, length);
    }

    private static double Count(Action once, TimeSpan time)
    {
        const int Least = 5;
        long start = Stopwatch.GetTimestamp();
        int count = 0;
        do
        {
            once();
            count++;
        }
        while (count < Least || Stopwatch.GetElapsedTime(start) < time);
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}

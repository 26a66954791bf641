using System.Diagnostics;
using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Client;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;

namespace Lockstep.Startup;

/// <param name="Worker">Seconds from the command until a worker is with the scheduler.</param>
/// <param name="First">Seconds that a digits job takes, from its submission.</param>
/// <param name="Second">Likewise, of the same again.</param>
/// <param name="End">Seconds from the request to end until no process is left.</param>
/// <param name="Memory">Of each process, before the first job.</param>
internal sealed record Seen(double Worker, double First, double Second, double End, IReadOnlyList<ProcessMemory> Memory);

/// <summary>Starts a command, watches what it keeps up as a caller of the scheduler does, and ends it.</summary>
internal sealed class StartedFleet(SchedulerClient scheduler, string folder)
{
    private const string MarkName = "LOCKSTEP_STARTUP_MARK";
    private const string ApiKey = "of-the-benchmark-and-long-enough-for-it";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <summary>Until what is compiled and collected after a start is.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <exception cref="InvalidOperationException">A job failed.</exception>
    public static async Task<Seen> MeasureAsync(Launch launch, string folder, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        int port = FreePorts.Take(1)[0];
        string mark = Guid.NewGuid().ToString("N");
        ProcessStartInfo start = Start(launch, port, mark, folder);
        using var scheduler = new SchedulerClient(new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")), TimeProvider.System, ApiKey);
        var fleet = new StartedFleet(scheduler, folder);
        var watch = Stopwatch.StartNew();
        await using var command = new Subprocess(start);
        Task output = DrainAsync(command, patience.Token);
        await fleet.WorkerAsync(output, patience.Token);
        double worker = watch.Elapsed.TotalSeconds;
        await Task.Delay(Settle, patience.Token);
        IReadOnlyList<ProcessMemory> memory = ProcessMemory.Of($"{MarkName}={mark}");
        double first = await fleet.TrainAsync("first", patience.Token);
        double second = await fleet.TrainAsync("second", patience.Token);
        watch.Restart();
        await EndAsync($"{MarkName}={mark}", memory, launch, patience.Token);
        await output;
        return new Seen(worker, first, second, watch.Elapsed.TotalSeconds, memory);
    }

    private static ProcessStartInfo Start(Launch launch, int port, string mark, string folder)
    {
        string configuration = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)).Parent!.Name;
        var start = new ProcessStartInfo(DotnetHost.Command) { WorkingDirectory = BuiltTree.Root };
        foreach (string argument in (string[])["run", "--no-build", "--no-launch-profile", "-c", configuration, "--project", launch.Project, "--", .. launch.Arguments(folder), "--port", port.ToString(CultureInfo.InvariantCulture)])
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string name, string value) in launch.Environment())
        {
            start.Environment[name] = value;
        }

        start.Environment[MarkName] = mark;
        start.Environment[EnvironmentNames.RunsRoot] = folder;
        // One of them generates a key, unless it is given.
        start.Environment[EnvironmentNames.ApiKey] = start.Environment["Parameters__api-key"] = ApiKey;
        return start;
    }

    private async Task WorkerAsync(Task ended, CancellationToken cancellation)
    {
        while (!ended.IsCompleted)
        {
            try
            {
                await foreach (FleetStatus fleet in scheduler.FleetAsync(cancellation))
                {
                    if (fleet.Workers.Count > 0)
                    {
                        return;
                    }
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                await Task.Delay(Pause, cancellation);
            }
        }

        await ended;
        throw new InvalidOperationException("The command ended by itself.");
    }

    private async Task<double> TrainAsync(string id, CancellationToken cancellation)
    {
        JobSpec job = FleetRuns.Digits("epochs=20", "workers={min: 1, max: 1}");
        var watch = Stopwatch.StartNew();
        await scheduler.SubmitAsync(new SubmitRequest(id, JobFile.ToCanonicalJson(job), Path.Combine(folder, id), null), cancellation);
        JobStatus? last = null;
        await foreach (JobEvent item in scheduler.EventsAsync(id, 0, cancellation))
        {
            last = item.Status;
        }

        return last?.State == JobState.Finished ? watch.Elapsed.TotalSeconds : throw new InvalidOperationException($"The job ended as {last?.State}: {last?.Error}");
    }

    /// <summary>Asks the command itself, which is a child of <c>dotnet run</c>, as a stop by a service manager does.</summary>
    private static async Task EndAsync(string mark, IReadOnlyList<ProcessMemory> memory, Launch launch, CancellationToken cancellation)
    {
        string program = launch == Launch.Up ? "lockstep up" : $"Lockstep.{launch.Project}";
        int id = memory.Single(process => process.Name.StartsWith(program, StringComparison.Ordinal)).Id;
        await Subprocess.RunAsync(new ProcessStartInfo("kill", ["-TERM", id.ToString(CultureInfo.InvariantCulture)]), cancellation);
        while (ProcessMemory.Marked(mark).Count > 0)
        {
            await Task.Delay(Pause, cancellation);
        }
    }

    private static async Task DrainAsync(Subprocess command, CancellationToken cancellation)
    {
        while (await command.ReadLineAsync(cancellation) is not null)
        {
        }
    }
}

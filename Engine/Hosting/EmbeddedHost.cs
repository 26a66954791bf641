using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Redis;
using Lockstep.Client;
using Lockstep.Engine.Scheduling;

namespace Lockstep.Engine.Hosting;

/// <summary>The engine kept up for jobs that are submitted to it, with as many workers as they want.</summary>
public static class EmbeddedHost
{
    /// <summary>Serves until cancelled.</summary>
    /// <exception cref="InputException">An option cannot be.</exception>
    /// <exception cref="FleetException">A process did not stay up.</exception>
    public static async Task RunAsync(EmbeddedHostOptions options, TimeProvider time, CancellationToken cancellation)
    {
        try
        {
            await ServeAsync(options, time, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Asked to end.
        }
    }

    private static async Task ServeAsync(EmbeddedHostOptions options, TimeProvider time, CancellationToken cancellation)
    {
        string? redis = RedisAddress.Find(options.Redis);
        if (redis is { } connection)
        {
            await RedisAddress.CheckAsync(connection);
        }

        string runs = Folder("--runs", options.Runs, make: true);
        string[] data = [.. options.Data.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Select(folder => Folder("--data", folder, make: false))];
        if (!FreePorts.IsFree(options.Port))
        {
            throw new InputException("--port", 0, $"Port {options.Port} is taken by another program.", "End that, or name another port.");
        }

        if (data.Length == 0)
        {
            throw new InputException("--data", 0, "It names no folder.", "Name those that jobs may read from, or leave it out for this one.");
        }

        string? apiKey = Environment.GetEnvironmentVariable(EnvironmentNames.ApiKey);
        InputError[] weak = [.. SharedKeys.Check(EnvironmentNames.ApiKey, apiKey)];
        if (weak.Length > 0)
        {
            throw new InputException(weak);
        }

        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [EnvironmentNames.DataRoots] = string.Join(Path.PathSeparator, data),
            [EnvironmentNames.RunsRoot] = runs,
            [EnvironmentNames.MaximumWorkers] = options.MaximumWorkers.ToString(CultureInfo.InvariantCulture),
        };
        if (options.Otlp is { } otlp)
        {
            environment[EnvironmentNames.OtlpEndpoint] = otlp.OriginalString;
        }

        await using LocalFleet fleet = await LocalFleet.StartAsync(
            new FleetOptions
            {
                Services = ServiceLocator.FromEnvironment(options.Worker),
                LogDirectory = Path.Combine(runs, "logs"),
                Shards = options.Shards,
                Workers = options.MinimumWorkers,
                Redis = redis,
                RedisServerAssembly = options.RedisServerAssembly,
                Queue = "",
                AutoScale = true,
                SchedulerPort = options.Port,
                ApiKey = apiKey,
                Environment = environment,
                Events = new ConsoleEvents(time),
                StartLimit = options.StartLimit,
            },
            time,
            cancellation);
        await Console.Out.WriteLineAsync($"Scheduler at {fleet.Scheduler}, {Amount.Of(options.Shards, "parameter server")}, up to {Amount.Of(options.MaximumWorkers, "worker")} as the jobs want them. Logs in {Path.Combine(runs, "logs")}.");
        await Console.Out.WriteLineAsync($"Jobs may name data under {environment[EnvironmentNames.DataRoots]}.");
        if (string.IsNullOrEmpty(apiKey))
        {
            await Console.Out.WriteLineAsync($"There is no API key: every program on this machine may call the scheduler, and nobody else. Set {EnvironmentNames.ApiKey} to change that.");
        }

        if ((options.Otlp ?? Reachability.Collector) is { } collector && await Reachability.NoteOfCollectorAsync(collector) is { } note)
        {
            await Console.Out.WriteLineAsync(note);
        }

        await Console.Out.WriteLineAsync("Submit a job with: lockstep submit samples/digits/job.yaml. Ctrl-C ends everything.");
        using var scheduler = new SchedulerClient(fleet.Scheduler, time, apiKey);
        await await Task.WhenAny(fleet.Broken, new FleetScaler(fleet, scheduler, options.MinimumWorkers, options.MaximumWorkers, time).RunAsync(cancellation));
    }

    /// <returns>The full path.</returns>
    private static string Folder(string option, string path, bool make)
    {
        try
        {
            string full = Path.GetFullPath(path);
            if (File.Exists(full) && make)
            {
                throw new InputException(option, 0, $"'{path}' is a file.", "Name a folder; one that is not there yet is made.");
            }

            if (make)
            {
                Directory.CreateDirectory(full);
            }

            return Path.Exists(full) ? full : throw new InputException(option, 0, $"There is no '{path}'.", "Name a folder that is there.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException(option, 0, $"'{path}' cannot be used: {exception.Message}", "Correct its rights, or name another folder.");
        }
    }

    private sealed class ConsoleEvents(TimeProvider time) : IProgress<FleetEvent>
    {
        public void Report(FleetEvent value) =>
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{time.GetLocalNow():HH:mm:ss} {value}"));
    }
}

using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.Overhead;

// Prints a table of benchmarks/README.md: CPU seconds a step with something on over those with it off.
if (args.Length is < 2 or > 4 || args[0] is not ("telemetry" or "upkeep" or "nothing") || !File.Exists(args[1]))
{
    await Console.Error.WriteLineAsync("Usage: Overhead telemetry|upkeep|nothing JOB [STEPS] [PAIRS]");
    return 2;
}

bool isTelemetry = args[0] == "telemetry";
int steps = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 1200;
int pairs = args.Length > 3 ? int.Parse(args[3], CultureInfo.InvariantCulture) : 5;
// Start-up and compilation do not grow with the run. Most is over after 1,500 steps, but the code that reports is first used with the first reports, a minute after the start.
int warm = Math.Min(steps / 2, 5000);
JobSpec job = JobFile.Load(args[1], []) with { Epochs = null, Steps = steps };
ServiceLocator services = ServiceLocator.Find(AppContext.BaseDirectory, Environment.GetEnvironmentVariable(ServiceLocator.OverrideName));
var framework = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
string cli = Path.GetFullPath(Path.Combine(framework.FullName, "..", "..", "..", "..", "..", "Cli", "bin", framework.Parent!.Name, framework.Name, "lockstep.dll"));
string folder = Directory.CreateTempSubdirectory("lockstep-overhead-").FullName;
try
{
    await using Drain drain = await Drain.StartAsync();
    var results = new List<(IReadOnlyDictionary<string, double> Off, IReadOnlyDictionary<string, double> On)>();
    Console.WriteLine("| pair | off, ms of CPU a step | on, ms of CPU a step | on / off |");
    Console.WriteLine("|---|---|---|---|");
    for (int pair = 1; pair <= pairs; pair++)
    {
        // Both at once, on the same cores, and counted over the same time: what slows the machine down slows both.
        CpuMeter one = new(), other = new();
        await using CoreSwap? swap = CoreSwap.IsPossible ? new CoreSwap(() => Ids(one), () => Ids(other)) : null;
        Task<IReadOnlyDictionary<string, double>[]> readings = CompareAsync(one, other);
        Task training = Task.WhenAll(TrainAsync(pair % 2 == 0, pair, one), TrainAsync(pair % 2 != 0, pair, other));
        // A run that fails ends before its readings.
        await await Task.WhenAny(readings, training);
        await training;
        var costs = await readings;
        results.Add(pair % 2 == 0 ? (costs[1], costs[0]) : (costs[0], costs[1]));
        (double off, double on) = (results[^1].Off.Values.Sum(), results[^1].On.Values.Sum());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {pair} | {off:0.000} | {on:0.000} | {on / off:0.000} |"));
    }

    // Ratios multiply: their logarithms have a mean and a standard error.
    double[] logs = [.. results.Select(pair => Math.Log(pair.On.Values.Sum() / pair.Off.Values.Sum()))];
    double mean = logs.Average();
    double error = Math.Sqrt(logs.Sum(log => (log - mean) * (log - mean)) / Math.Max(1, logs.Length - 1) / logs.Length);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| geometric mean | | | {Math.Exp(mean):0.000} ± {error:0.000} |"));
    Console.WriteLine("\n| process | off, ms of CPU a step | on, ms of CPU a step | on - off |");
    Console.WriteLine("|---|---|---|---|");
    foreach (string process in results[0].Off.Keys)
    {
        (double off, double on) = (results.Average(pair => pair.Off[process]), results.Average(pair => pair.On[process]));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {process} | {off:0.000} | {on:0.000} | {on - off:0.000} |"));
    }

    if (isTelemetry)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{drain.Requests} reports of {drain.Bytes / 1024.0:0} KiB were received."));
    }

    return !isTelemetry || drain.Requests > 0 ? 0 : 1;

    static int[] Ids(CpuMeter meter) => [.. meter.Processes.Select(process => process.ProcessId)];

    // By process, milliseconds of CPU a step of both, from where the later one is warm to where the earlier one is at its end.
    async Task<IReadOnlyDictionary<string, double>[]> CompareAsync(CpuMeter one, CpuMeter other)
    {
        await Task.WhenAll(one.ReachAsync(warm), other.ReachAsync(warm));
        CpuReading[] before = [one.Read(), other.Read()];
        await Task.WhenAny(one.ReachAsync(steps - 1), other.ReachAsync(steps - 1));
        CpuReading[] after = [one.Read(), other.Read()];
        return [after[0].PerStepSince(before[0]), after[1].PerStepSince(before[1])];
    }

    async Task TrainAsync(bool isOn, int pair, CpuMeter meter)
    {
        (JobSpec measured, Dictionary<string, string> environment) = args[0] switch
        {
            "telemetry" => Telemetry(isOn),
            "upkeep" => Upkeep(isOn),
            // The same twice: what the method itself makes of it.
            _ => Telemetry(isOn: false),
        };
        TrainingResult result = await TrainingRun.RunAsync(
            new TrainingOptions
            {
                Job = measured,
                Output = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{pair}-{isOn}")),
                // One, whose work is the same in every run: what several compute twice changes with the load of the machine.
                Workers = 1,
                Otlp = isOn && isTelemetry ? drain.Endpoint : null,
                Services = services,
                RedisServerAssembly = cli,
                Environment = environment,
            },
            meter,
            TimeProvider.System,
            CancellationToken.None);
        if (result.Error is { } error)
        {
            throw new InvalidOperationException(error);
        }
    }

    // Reports as often as by default, unless the environment says otherwise.
    (JobSpec Job, Dictionary<string, string> Environment) Telemetry(bool isOn) =>
        (job, new() { ["OTEL_SDK_DISABLED"] = isOn ? "false" : "true", ["OTEL_METRIC_EXPORT_INTERVAL"] = Environment.GetEnvironmentVariable("OTEL_METRIC_EXPORT_INTERVAL") ?? "60000" });

    // Off: no checkpoint but the last one, and a heartbeat a day.
    (JobSpec Job, Dictionary<string, string> Environment) Upkeep(bool isOn) =>
        (job with { Checkpoint = job.Checkpoint with { Every = isOn ? 100 : 0 } }, new() { ["OTEL_SDK_DISABLED"] = "true", [EnvironmentNames.Heartbeat] = isOn ? "2" : "86400" });
}
finally
{
    Directory.Delete(folder, recursive: true);
}

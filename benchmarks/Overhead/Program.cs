using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.Overhead;

// Prints a table of benchmarks/README.md: CPU seconds a step with something on over those with it off.
if (args.Length < 2 || args.Length > (args[0] == "upkeep" ? 4 : 3) || args[0] is not ("telemetry" or "nothing" or "upkeep") || !File.Exists(args[1])
    || args[2..].Any(number => !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int value) || value == 0))
{
    await Console.Error.WriteLineAsync("Usage: Overhead telemetry|nothing JOB [PAIRS], or Overhead upkeep JOB [STEPS] [PAIRS]");
    return 2;
}

const int DefaultPairs = 12;
const string ReportsMs = "OTEL_METRIC_EXPORT_INTERVAL";
var framework = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
string folder = Directory.CreateTempSubdirectory("lockstep-overhead-").FullName;
var plain = new TrainingOptions
{
    Job = JobFile.Load(args[1], []),
    Output = folder,
    // One, whose work is the same in every run: what several compute twice changes with the load of the machine.
    Workers = 1,
    Services = ServiceLocator.Find(AppContext.BaseDirectory, Environment.GetEnvironmentVariable(ServiceLocator.OverrideName)),
    RedisServerAssembly = Path.GetFullPath(Path.Combine(framework.FullName, "..", "..", "..", "..", "..", "Cli", "bin", framework.Parent!.Name, framework.Name, "lockstep.dll")),
    Environment = new Dictionary<string, string> { ["OTEL_SDK_DISABLED"] = "true" },
};
var results = new List<CpuPair>();
try
{
    Console.WriteLine("| pair | off, ms of CPU a step | on, ms of CPU a step | on / off |");
    Console.WriteLine("|---|---|---|---|");
    await (args[0] == "upkeep" ? UpkeepAsync(Number(2, 1200), Number(3, 5)) : TelemetryAsync(isOn: args[0] == "telemetry", Number(2, DefaultPairs)));
    return 0;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

int Number(int at, int otherwise) => args.Length > at ? int.Parse(args[at], CultureInfo.InvariantCulture) : otherwise;

void Report(CpuPair pair)
{
    results.Add(pair);
    Console.WriteLine(pair.Row(results.Count));
}

// Without the switch what is called on is off as well: what the method itself makes of it.
async Task TelemetryAsync(bool isOn, int pairs)
{
    await using Drain drain = await Drain.StartAsync();
    var environment = new Dictionary<string, string>(plain.Environment);
    if (isOn)
    {
        environment["DOTNET_STARTUP_HOOKS"] = typeof(TelemetrySwitch).Assembly.Location;
        // Once in each period; by default it is once a minute.
        environment[ReportsMs] = Environment.GetEnvironmentVariable(ReportsMs) ?? "10000";
    }

    TrainingOptions first = plain with { Output = Path.Combine(folder, "first"), Otlp = drain.Endpoint, Environment = environment };
    TrainingOptions second = first with { Output = Path.Combine(folder, "second"), Environment = new Dictionary<string, string>(environment) { [TelemetrySwitch.IsSecond] = "true" } };
    await Crossover.MeasureAsync(first, second, pairs, Report);
    Summarize();
    if (isOn)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{drain.Requests} reports of {drain.Bytes / 1024.0:0} KiB were received."));
        if (drain.Requests == 0)
        {
            throw new InvalidOperationException("Nothing was reported: telemetry was off all the time.");
        }
    }
}

// Off: no checkpoint but the last one, and a heartbeat a day.
async Task UpkeepAsync(int steps, int pairs)
{
    for (int pair = 1; pair <= pairs; pair++)
    {
        Report(await TwoFleets.MeasureAsync(Upkeep(steps, pair, isOn: false), Upkeep(steps, pair, isOn: true), isOnFirst: pair % 2 == 0));
    }

    Summarize();
}

TrainingOptions Upkeep(int steps, int pair, bool isOn) => plain with
{
    Job = plain.Job with { Epochs = null, Steps = steps, Checkpoint = plain.Job.Checkpoint with { Every = isOn ? 100 : 0 } },
    Output = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{pair}-{isOn}")),
    Environment = new Dictionary<string, string>(plain.Environment) { [EnvironmentNames.Heartbeat] = isOn ? "2" : "86400" },
};

void Summarize()
{
    foreach (string line in CpuPair.Summarize(results))
    {
        Console.WriteLine(line);
    }
}

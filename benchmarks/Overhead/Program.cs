using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.Overhead;

// Prints a table of benchmarks/README.md: CPU seconds a step with something on over those with it off.
if (args.Length is < 2 or > 3 || args[0] is not ("telemetry" or "nothing" or "upkeep") || !File.Exists(args[1])
    || args[2..].Any(number => !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int value) || value == 0))
{
    await Console.Error.WriteLineAsync("Usage: Overhead telemetry|nothing|upkeep JOB [PAIRS]");
    return 2;
}

const int DefaultPairs = 12;
int pairs = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : DefaultPairs;
const string ReportsMs = "OTEL_METRIC_EXPORT_INTERVAL";
string folder = Directory.CreateTempSubdirectory("lockstep-overhead-").FullName;
var plain = new TrainingOptions
{
    Job = JobFile.Load(args[1], []),
    Output = folder,
    // One, whose work is the same in every run: what several compute twice changes with the load of the machine.
    Workers = 1,
    Services = BuiltTree.Services,
    RedisServerAssembly = BuiltTree.Lockstep,
    Environment = new Dictionary<string, string> { ["OTEL_SDK_DISABLED"] = "true" },
};
var results = new List<CpuPair>();
try
{
    Console.WriteLine("| pair | off, ms of CPU a step | on, ms of CPU a step | on / off |");
    Console.WriteLine("|---|---|---|---|");
    await (args[0] == "upkeep" ? UpkeepAsync(pairs) : TelemetryAsync(isOn: args[0] == "telemetry", pairs));
    return 0;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

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

// Checkpoints in turns, with heartbeats all the time; and what heartbeats cost of themselves.
async Task UpkeepAsync(int pairs)
{
    TrainingOptions first = plain with { Job = plain.Job with { Checkpoint = plain.Job.Checkpoint with { Every = 0 } }, Output = Path.Combine(folder, "first") };
    TrainingOptions second = first with { Output = Path.Combine(folder, "second") };
    var (asked, others) = (new CheckpointCalls(isSecond: false), new CheckpointCalls(isSecond: true));
    await Crossover.MeasureAsync(first, second, pairs, Report, (asked, others));
    Summarize();
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{asked.Written} and {others.Written} checkpoints were written."));
    if (asked.Written == 0 || others.Written == 0)
    {
        throw new InvalidOperationException("No checkpoint was written: they were off all the time.");
    }

    Console.WriteLine();
    Console.WriteLine("Heartbeats, of two fleets without a job, with one a day and with one each 2 s:");
    CpuPair idle = await IdleFleets.MeasureAsync(Idle("day", "86400"), Idle("often", "2"), TimeSpan.FromMinutes(2));
    foreach (string line in CpuPair.ByProcess([idle], "second"))
    {
        Console.WriteLine(line);
    }
}

FleetOptions Idle(string name, string heartbeat) => new()
{
    Services = plain.Services,
    LogDirectory = Path.Combine(folder, name),
    Shards = 1,
    Workers = 1,
    RedisServerAssembly = plain.RedisServerAssembly,
    Queue = name,
    Environment = new Dictionary<string, string>(plain.Environment) { [EnvironmentNames.Heartbeat] = heartbeat },
};

void Summarize()
{
    foreach (string line in CpuPair.Summarize(results))
    {
        Console.WriteLine(line);
    }
}

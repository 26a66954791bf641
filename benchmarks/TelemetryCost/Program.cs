using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.TelemetryCost;

// Prints the table of benchmarks/README.md: CPU seconds a step with telemetry on over those with it off.
if (args.Length is < 1 or > 3 || !File.Exists(args[0]))
{
    await Console.Error.WriteLineAsync("Usage: TelemetryCost JOB [STEPS] [PAIRS]");
    return 2;
}

int steps = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1200;
int pairs = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 5;
// The first quarter is start-up and compilation, which do not grow with the run.
int warm = steps / 4;
JobSpec job = JobFile.Load(args[0], []) with { Epochs = null, Steps = steps };
ServiceLocator services = ServiceLocator.Find(AppContext.BaseDirectory, null);
var framework = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
string cli = Path.GetFullPath(Path.Combine(framework.FullName, "..", "..", "..", "..", "..", "Cli", "bin", framework.Parent!.Name, framework.Name, "lockstep.dll"));
string folder = Directory.CreateTempSubdirectory("lockstep-telemetry-").FullName;
try
{
    await using Drain drain = await Drain.StartAsync();
    var ratios = new List<double>();
    Console.WriteLine("| pair | off, ms of CPU a step | on, ms of CPU a step | on / off |");
    Console.WriteLine("|---|---|---|---|");
    for (int pair = 1; pair <= pairs; pair++)
    {
        double off = 0, on = 0;
        // Which goes first alternates, so that a drift of the machine favours neither.
        foreach (bool isOn in pair % 2 == 0 ? new[] { true, false } : [false, true])
        {
            double cost = await MeasureAsync(isOn, Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{pair}-{isOn}")));
            (on, off) = isOn ? (cost, off) : (on, cost);
        }

        ratios.Add(on / off);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {pair} | {off:0.000} | {on:0.000} | {on / off:0.000} |"));
    }

    ratios.Sort();
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| median | | | {(ratios[(ratios.Count - 1) / 2] + ratios[ratios.Count / 2]) / 2:0.000} |"));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{drain.Requests} reports of {drain.Bytes / 1024.0:0} KiB were received."));
    return drain.Requests > 0 ? 0 : 1;

    async Task<double> MeasureAsync(bool isOn, string output)
    {
        Environment.SetEnvironmentVariable("OTEL_SDK_DISABLED", isOn ? null : "true");
        // Reports every five seconds, twelve times as often as by default: a short run shall pay for what a long one does.
        Environment.SetEnvironmentVariable("OTEL_METRIC_EXPORT_INTERVAL", "5000");
        var meter = new CpuMeter(warm, steps - 1);
        TrainingResult result = await TrainingRun.RunAsync(
            new TrainingOptions
            {
                Job = job,
                Output = output,
                // One, whose work is the same in every run: what several compute twice changes with the load of the machine.
                Workers = 1,
                Otlp = isOn ? drain.Endpoint : null,
                Services = services,
                RedisServerAssembly = cli,
            },
            meter,
            TimeProvider.System,
            CancellationToken.None);
        return result.Error is null ? meter.MillisecondsPerStep : throw new InvalidOperationException(result.Error);
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

using Lockstep.Benchmarks;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Footprint;

// Prints the tables of benchmarks/README.md: how soon a run starts and ends, what idle processes use, and whether memory stays flat.
// Argument: lockstep.dll of a published command, whose starts are measured instead of the built one's.
if (!OperatingSystem.IsLinux())
{
    Console.Error.WriteLine("The processes are measured through /proc, which only Linux has.");
    return 2;
}

string lockstep = args is [var installed] ? Path.GetFullPath(installed) : BuiltTree.Lockstep;
string job = BuiltTree.Sample("digits");
string folder = Directory.CreateTempSubdirectory("lockstep-footprint-").FullName;
try
{
    Console.WriteLine($"Load of the machine before: {ProcessUse.Load()}, cores: {Environment.ProcessorCount}");
    Console.WriteLine();
    await StartTimes.MeasureAsync(lockstep, job, folder, runs: 3);
    Console.WriteLine();
    await using LocalFleet fleet = await LocalFleet.StartAsync(
        new FleetOptions
        {
            Services = BuiltTree.Services,
            LogDirectory = Path.Combine(folder, "logs"),
            Shards = 2,
            Workers = 2,
            RedisServerAssembly = BuiltTree.Lockstep,
            Queue = "footprint",
            Environment = new Dictionary<string, string> { [EnvironmentNames.DataRoots] = Path.GetDirectoryName(job)!, [EnvironmentNames.RunsRoot] = folder },
        },
        TimeProvider.System,
        CancellationToken.None);
    var use = new FleetUse(fleet);
    await use.MeasureIdleAsync(settle: TimeSpan.FromSeconds(5), interval: TimeSpan.FromSeconds(20));
    Console.WriteLine();
    JobSpec steps = JobFile.Load(job, ["epochs=", "steps=5000", "shards=2", "workers={min: 2, max: 2}"]);
    await use.MeasureRunAsync(steps, Path.Combine(folder, "run"), [500, 1000, 2000, 3000, 4000, 5000]);
    Console.WriteLine();
    Console.WriteLine($"Load of the machine after: {ProcessUse.Load()}");
}
finally
{
    Directory.Delete(folder, recursive: true);
}

return 0;

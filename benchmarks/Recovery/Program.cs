// Prints the tables of benchmarks/README.md on what disturbances cost.
using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Recovery;

int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 5;
string folder = Directory.CreateTempSubdirectory("lockstep-recovery-").FullName;
var fleets = new FleetRuns(folder);
try
{
    switch (args.FirstOrDefault())
    {
        case "worker":
            return await WorkerDeath.MeasureAsync(fleets, rounds);
        case "shard":
            return await ShardDeath.MeasureAsync(fleets, rounds);
        case "scheduler":
            return await SchedulerAway.MeasureAsync(fleets, rounds);
        case "straggler":
            return await Straggler.MeasureAsync(fleets, rounds, TimeSpan.FromMilliseconds(args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 200));
        case "join":
            return await Joining.MeasureAsync(fleets, rounds, args.Length > 2 ? [.. args[2..].Select(text => int.Parse(text, CultureInfo.InvariantCulture))] : [20, 2048]);
        default:
            await Console.Error.WriteLineAsync("Usage: Recovery worker|shard|scheduler [ROUNDS] | straggler [ROUNDS] [MILLISECONDS OF A PAUSE] | join [ROUNDS] [MEGABYTES…]");
            return 2;
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Convergence;
using Lockstep.Data;

// Prints the table of benchmarks/README.md: how far Lockstep's loss is from that of a plain loop, and that loop's from its own with batches in parts.
const int Steps = 300, Window = 50, Seeds = 3;
if (!Directory.Exists(Comparison.DataFolder))
{
    Console.Error.WriteLine($"There is no {Comparison.DataFolder}: install Debian's package dataset-fashion-mnist.");
    return 2;
}

string cache = Directory.CreateTempSubdirectory("lockstep-convergence-").FullName;
try
{
    if (args.Length > 0)
    {
        ulong seed = 0;
        if (args[0] != "formats" || args.Length > 3 || (args.Length > 1 && !FormatTable.Models.Contains(args[1])) || (args.Length > 2 && !ulong.TryParse(args[2], CultureInfo.InvariantCulture, out seed)))
        {
            Console.Error.WriteLine($"'{string.Join(' ', args)}' is none of its commands. Give nothing, or: formats [{string.Join('|', FormatTable.Models)} [SEED]].");
            return 2;
        }

        string samples = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "..", "samples"));
        FormatTable.Print(args.Length > 1 ? [args[1]] : FormatTable.Models, args.Length > 2 ? [seed] : [1, 2, 3], samples, cache);
        return 0;
    }

    Console.WriteLine($"| model | optimizer | seed | after 1 step | after 10 steps | loss of steps {Steps - Window}–{Steps - 1} | plain loop | difference | plain loop in parts |");
    Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
    foreach (string model in Comparison.Models)
    {
        foreach ((string name, OptimizerSpec optimizer) in Comparison.Optimizers)
        {
            var means = new List<StepLosses>();
            for (ulong seed = 1; seed <= Seeds; seed++)
            {
                JobSpec job = Comparison.Job(model, optimizer, seed);
                using OpenedData data = DataSets.Open(job.Data, job.Loss, job.Seed, cache, CancellationToken.None);
                StepLosses[] losses = [.. Comparison.Run(job, data.Train, Steps, shards: 2)];
                means.Add(Mean(losses[^Window..]));
                Row(model, name, seed.ToString(CultureInfo.InvariantCulture), Difference(losses[1].Lockstep, losses[1].Plain), Difference(losses[10].Lockstep, losses[10].Plain), means[^1]);
            }

            Row(model, name, "**mean**", "", "", Mean(means));
        }
    }
}
finally
{
    Directory.Delete(cache, recursive: true);
}

return 0;

static StepLosses Mean(IReadOnlyCollection<StepLosses> losses) => new(losses.Average(l => l.Lockstep), losses.Average(l => l.Plain), losses.Average(l => l.PlainParts));

static void Row(string model, string optimizer, string seed, string first, string tenth, StepLosses mean) =>
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {model} | {optimizer} | {seed} | {first} | {tenth} | {mean.Lockstep:F5} | {mean.Plain:F5} | {Percent(mean.Lockstep, mean.Plain)} | {Percent(mean.PlainParts, mean.Plain)} |"));

// Relative, of losses at one step: a few units in the last place, so in powers of ten.
static string Difference(double loss, double plain) => string.Create(CultureInfo.InvariantCulture, $"{Math.Abs((loss / plain) - 1):0.0e-0}");

static string Percent(double loss, double plain) => string.Create(CultureInfo.InvariantCulture, $"{Math.Round(100 * ((loss / plain) - 1), 2):+0.00;-0.00;0.00}%");

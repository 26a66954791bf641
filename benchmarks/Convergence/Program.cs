using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Convergence;
using Lockstep.Training;

// Prints the table of benchmarks/README.md: how far Lockstep's loss is from that of a plain loop.
const int Steps = 300, Window = 50, Seeds = 3;
if (!Directory.Exists(Comparison.DataFolder))
{
    Console.Error.WriteLine($"There is no {Comparison.DataFolder}: install Debian's package dataset-fashion-mnist.");
    return 2;
}

string cache = Directory.CreateTempSubdirectory("lockstep-convergence-").FullName;
try
{
    Console.WriteLine($"| model | optimizer | seed | after 1 step | after 10 steps | Lockstep, steps {Steps - Window}–{Steps - 1} | plain loop | difference |");
    Console.WriteLine("|---|---|---|---|---|---|---|---|");
    foreach (string model in Comparison.Models)
    {
        foreach ((string name, OptimizerSpec optimizer) in Comparison.Optimizers)
        {
            var means = new List<(double Lockstep, double Plain)>();
            for (ulong seed = 1; seed <= Seeds; seed++)
            {
                JobSpec job = Comparison.Job(model, optimizer, seed);
                using OpenedData data = DataSets.Open(job.Data, job.Seed, cache, CancellationToken.None);
                (double Lockstep, double Plain)[] losses = [.. Comparison.Run(job, data.Train, Steps, shards: 2)];
                means.Add((losses[^Window..].Average(l => l.Lockstep), losses[^Window..].Average(l => l.Plain)));
                Row(model, name, seed.ToString(CultureInfo.InvariantCulture), Percent(losses[1]), Percent(losses[10]), means[^1]);
            }

            Row(model, name, "mean", "", "", (means.Average(m => m.Lockstep), means.Average(m => m.Plain)));
        }
    }
}
finally
{
    Directory.Delete(cache, recursive: true);
}

return 0;

static void Row(string model, string optimizer, string seed, string first, string tenth, (double Lockstep, double Plain) mean) =>
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {model} | {optimizer} | {seed} | {first} | {tenth} | {mean.Lockstep:F5} | {mean.Plain:F5} | {Percent(mean)} |"));

static string Percent((double Lockstep, double Plain) loss) =>
    string.Create(CultureInfo.InvariantCulture, $"{100 * Math.Abs((loss.Lockstep / loss.Plain) - 1):0.#####}%");

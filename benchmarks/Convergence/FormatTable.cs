using System.Diagnostics;
using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Data;

namespace Lockstep.Convergence;

/// <summary>What fewer bits cost and bring: whole trainings in each format, the same seeds.</summary>
public static class FormatTable
{
    private const int Workers = 2;

    private static readonly (int Contribution, PullFormat Pull)[] Formats = [(32, PullFormat.Float32), (16, PullFormat.Float32), (16, PullFormat.BFloat16)];

    /// <value>Models that are trained.</value>
    public static IReadOnlyList<string> Models { get; } = ["digits", "mlp", "cnn"];

    /// <param name="Up">Bytes that a worker sends in a step, the median.</param>
    /// <param name="Down">Bytes that a worker is sent with a version.</param>
    /// <param name="CpuMs">Processor time of a step, the mean, milliseconds.</param>
    private sealed record Outcome(double Up, double Down, double CpuMs, double Loss, double Accuracy, int Escapes);

    /// <summary>Prints a row for each model, format and seed, and the mean of each format's seeds.</summary>
    /// <param name="models">Of <see cref="Models"/>.</param>
    /// <param name="seeds">At least one.</param>
    /// <param name="samples">Folder of the samples' jobs.</param>
    public static void Print(IReadOnlyCollection<string> models, IReadOnlyCollection<ulong> seeds, string samples, string cache)
    {
        Console.WriteLine("| model | contribution | pull | seed | KB up | KB down | CPU ms a step | blocks that escaped | loss | accuracy |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        foreach (string model in models)
        {
            foreach ((int contribution, PullFormat pull) in Formats)
            {
                var outcomes = new List<Outcome>();
                foreach (ulong seed in seeds)
                {
                    JobSpec job = JobOf(model, samples) with { Seed = seed, Contribution = contribution, Pull = pull };
                    using OpenedData data = DataSets.Open(job.Data, job.Loss, job.Seed, cache, CancellationToken.None);
                    outcomes.Add(Train(job, data));
                    Row(model, contribution, pull, seed.ToString(CultureInfo.InvariantCulture), outcomes[^1]);
                }

                Row(model, contribution, pull, "**mean**", new Outcome(outcomes.Average(o => o.Up), outcomes.Average(o => o.Down), outcomes.Average(o => o.CpuMs), outcomes.Average(o => o.Loss), outcomes.Average(o => o.Accuracy), outcomes.Sum(o => o.Escapes) / outcomes.Count));
            }
        }
    }

    private static JobSpec JobOf(string model, string samples)
    {
        JobSpec job = JobFile.Load(Path.Combine(samples, model == "digits" ? model : "fashion-mnist", "job.yaml"), []);
        return model switch
        {
            "mlp" => job with { Model = new ModelSpec { Preset = "mlp", Hidden = [256, 128] } },
            "cnn" => job with { Epochs = 3 },
            _ => job,
        };
    }

    private static Outcome Train(JobSpec job, OpenedData data)
    {
        long steps = job.Epochs!.Value * ((data.Train.Count + job.GlobalBatch - 1) / job.GlobalBatch);
        using var loop = new LockstepLoop(job, data.Train, steps, shards: 1, data.Validation, Workers);
        var up = new List<long>();
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        for (long step = 0; step < steps; step++)
        {
            loop.Step();
            up.Add(loop.BytesUp);
        }

        double ms = (Process.GetCurrentProcess().TotalProcessorTime - before).TotalMilliseconds / steps;
        IReadOnlyDictionary<string, double> measured = loop.Evaluate();
        up.Sort();
        return new Outcome((double)up[up.Count / 2] / Workers, loop.BytesDown, ms, measured["loss"], measured["accuracy"], loop.EscapedBlocks);
    }

    private static void Row(string model, int contribution, PullFormat pull, string seed, Outcome one) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {model} | {contribution} | {JobWords.Of(pull)} | {seed} | {one.Up / 1000:N1} | {one.Down / 1000:N1} | {one.CpuMs:F2} | {one.Escapes} | {one.Loss:F4} | {100 * one.Accuracy:F2}% |"));
}

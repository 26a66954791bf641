using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Sampling;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests.Oracle;

/// <summary>The oracle's jobs with their data, and the quiet run of each, which is made once: one worker, one shard.</summary>
public sealed class OracleJobs(ResidentFleet fleet) : IDisposable
{
    public const int Steps = 15;
    public const int CheckpointEvery = 3;

    /// <summary>Version that cases resume from.</summary>
    public const int ResumeStep = 3;

    private const int Batch = 48;
    private const int Features = 16;
    private const int EvenRows = 5 * Batch;

    /// <summary>The last step of an epoch has five samples for six slots.</summary>
    private const int OddRows = EvenRows + 5;

    /// <summary>Step whose gradients leave the range: after <see cref="ResumeStep"/>, in the first epoch.</summary>
    private const int OverflowStep = 4;

    /// <summary>More than 2⁶ times the others, for which there is room.</summary>
    private const double FarOff = 5000;

    private readonly TestFolder _folder = new();
    private readonly Dictionary<OracleJob, Task<JobOutcome>> _quiet = [];

    public void Dispose() => _folder.Dispose();

    /// <summary>The job, for exactly so many workers.</summary>
    internal JobSpec SpecOf(OracleJob job, int workers, int shards) => new()
    {
        Name = "oracle",
        Model = new ModelSpec { Layers = [.. Layers(job)] },
        Data = new DataSpec { Format = DataFormat.Csv, Train = Data(job), Labels = ["label"], Normalize = NormalizationKind.Standard, Validation = Data(job with { Odd = false, Overflows = false }) },
        Loss = LossKind.Mse,
        Metrics = [MetricKind.Rmse, MetricKind.R2, MetricKind.Mape],
        Optimizer = OracleCover.Optimizers[job.Optimizer] with { ClipNorm = job.Clips ? 0.5 : null },
        Schedule = new ScheduleSpec { Kind = ScheduleKind.Cosine, WarmupSteps = 2 },
        Steps = Steps,
        GlobalBatch = Batch,
        Slots = OracleCase.Slots,
        Seed = SeedOf(job),
        Workers = new WorkersSpec { Min = workers, Max = workers },
        Shards = shards,
        Checkpoint = new CheckpointSpec { Every = CheckpointEvery, Keep = Steps },
    };

    /// <summary>The run that all others of the job must equal.</summary>
    internal Task<JobOutcome> QuietAsync(OracleJob job)
    {
        if (!_quiet.TryGetValue(job, out Task<JobOutcome>? run))
        {
            _quiet[job] = run = fleet.RunAsync(SpecOf(job, 1, 1), fleet.NewRun());
        }

        return run;
    }

    /// <summary>The folder of a run that broke off in the middle: steps beyond the checkpoint were done, and are lost.</summary>
    internal async Task<RunFolder> BrokenOffAsync(OracleJob job)
    {
        RunFolder quiet = (await QuietAsync(job)).Folder, run = fleet.NewRun();
        foreach (string part in Directory.GetFiles(CheckpointSet.DirectoryOf(quiet.Checkpoints, ResumeStep)))
        {
            string copy = CheckpointSet.DirectoryOf(run.Checkpoints, ResumeStep);
            Directory.CreateDirectory(copy);
            File.Copy(part, Path.Combine(copy, Path.GetFileName(part)));
        }

        File.WriteAllLines(run.Ledger, File.ReadLines(quiet.Ledger).Take(ResumeStep + 1));
        File.WriteAllLines(run.Metrics, File.ReadLines(quiet.Metrics).Take(ResumeStep + 1));
        return run;
    }

    private static IEnumerable<LayerSpec> Layers(OracleJob job)
    {
        const int Width = 96;
        yield return new() { Kind = LayerKind.Linear, Out = Width };
        if (job.BatchNorm)
        {
            yield return new() { Kind = LayerKind.BatchNorm };
        }

        yield return new() { Kind = LayerKind.Relu };
        if (job.Dropout)
        {
            yield return new() { Kind = LayerKind.Dropout, P = 0.3 };
        }

        yield return new() { Kind = LayerKind.Linear, Out = Width };
        yield return new() { Kind = LayerKind.Tanh };
        yield return new() { Kind = LayerKind.Linear, Out = 1 };
    }

    private static int RowsOf(OracleJob job) => job.Odd ? OddRows : EvenRows;

    /// <summary>The first seed that puts row 0, whose label is far off, where the range has settled and no checkpoint is resumed from later.</summary>
    private static ulong SeedOf(OracleJob job)
    {
        var samples = new List<long>();
        for (ulong seed = 1; ; seed++)
        {
            var sampler = new StepSampler(RowsOf(job), Batch, OracleCase.Slots, seed, job.BatchNorm ? 2 : 1);
            for (int slot = 0; slot < OracleCase.Slots; slot++)
            {
                sampler.SlotSamples(OverflowStep, slot, samples);
                if (samples.Contains(0))
                {
                    return seed;
                }
            }
        }
    }

    private string Data(OracleJob job)
    {
        string path = _folder.In($"rows-{RowsOf(job)}{(job.Overflows ? "-far" : "")}.csv");
        if (!File.Exists(path))
        {
            var random = new Random(1);
            var lines = new List<string> { string.Join(',', Enumerable.Range(0, Features).Select(i => $"x{i}").Append("label")) };
            for (int row = 0; row < RowsOf(job); row++)
            {
                double[] x = [.. Enumerable.Range(0, Features).Select(_ => (2 * random.NextDouble()) - 1)];
                double label = row == 0 && job.Overflows ? FarOff : x[0] + (x[1] * x[2]) - x[3];
                lines.Add(string.Join(',', x.Append(label).Select(v => v.ToString("R", CultureInfo.InvariantCulture))));
            }

            File.WriteAllLines(path, lines);
        }

        return path;
    }
}

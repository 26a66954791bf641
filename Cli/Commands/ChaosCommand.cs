using System.CommandLine;
using System.Globalization;
using Lockstep.Cli.Views;
using Lockstep.Contracts;
using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Jobs;
using Lockstep.Engine.Chaos;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep chaos JOB</c>: trains a job in peace and with faults, and compares the ledgers.</summary>
internal static class ChaosCommand
{
    private const int DefaultWorkers = 3;
    private const double LongestMean = 86400;
    private const string RunsFolder = "runs";

    private static readonly Argument<string> Job = new("job") { HelpName = "JOB", Description = "The job file (YAML or JSON)." };
    private static readonly Option<string?> Schedule = new("--schedule") { HelpName = "FILE", Description = "Faults and when they happen (YAML or JSON; see docs/faults.md)." };
    private static readonly Option<double?> Mtbf = new("--mtbf") { HelpName = "SECONDS", Description = "Instead: faults at random, this far apart in the mean." };
    private static readonly Option<string[]> Kinds = new("--kinds") { HelpName = "KIND", Description = $"With --mtbf: what is drawn (default: kill), any of {string.Join(", ", JobWords.All<FaultKind>())}.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
    private static readonly Option<int?> MinFaults = new("--min-faults") { HelpName = "N", Description = "Fail where fewer happened; default: all of the schedule, or 1 with --mtbf." };
    private static readonly Option<ulong> Seed = new("--seed") { HelpName = "S", Description = "Draws times, kinds and targets; the same seed draws the same.", DefaultValueFactory = _ => 1 };
    private static readonly Option<string?> Json = new("--json") { HelpName = "FILE", Description = "Write the verdict as JSON." };

    private static readonly Option<string?> Table = new("--table") { HelpName = "FILE", Description = "Write each fault with its recovery as a Markdown table." };

    public static Command Create()
    {
        var command = new Command("chaos", "Train a job in peace and with faults, and compare the results bit for bit.") { Job, Schedule, Mtbf, Kinds, MinFaults, Seed, Json, Table, RunOptions.Workers, RunOptions.Worker, RunOptions.Shards, RunOptions.Output, RunOptions.Transport, RunOptions.StartLimit, RunOptions.Set };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new InputException("chaos", 0, "Faults are signals, which Windows does not have.", "Use Linux or macOS.");
        }

        TimeProvider time = TimeProvider.System;
        JobSpec job = RunOptions.ReadJob(parsed, Job);
        int workers = RunOptions.ReadWorkers(parsed, DefaultWorkers);
        IReadOnlyList<Fault>? schedule = parsed.GetValue(Schedule) is { } path ? FaultSchedule.Load(path) : null;
        // A drawn plan may add as many again as there are.
        int mostAdded = schedule is not null ? FaultPlan.MostWorkers(schedule, workers) - workers : (Words(parsed).Contains(FaultKind.Add) ? workers : 0);
        FaultPlan plan = Plan(parsed, schedule, workers, job.Shards, mostAdded, Math.Min(job.Workers.Min, workers));
        CheckWritable(Json.Name, parsed.GetValue(Json));
        CheckWritable(Table.Name, parsed.GetValue(Table));
        int least = parsed.GetValue(MinFaults) ?? plan.Count ?? 1;
        if (least < 0 || least > plan.Count)
        {
            throw new InputException(MinFaults.Name, 0, $"{least} faults can never have happened{(plan.Count is { } all ? $" of the {all} of the schedule" : "")}.", "Give a number of 0 or more, and no more than a schedule has.");
        }

        var options = new TrainingOptions
        {
            Job = job,
            Output = parsed.GetValue(RunOptions.Output) ?? Path.Combine(RunsFolder, $"{job.Name}-chaos-{time.GetLocalNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}"),
            Workers = workers,
            StartLimit = RunOptions.ReadStartLimit(parsed),
            Environment = RunOptions.ReadTransport(parsed),
            Services = RunOptions.FindServices(parsed),
            RedisServerAssembly = typeof(ChaosCommand).Assembly.Location,
        };

        var view = new ChaosView(Console.Out, time);
        ChaosVerdict verdict;
        try
        {
            verdict = await ChaosRun.RunAsync(options, plan, mostAdded, least, view, time, cancellation);
        }
        catch (ChaosException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return ExitCodes.Failed;
        }

        view.Close(verdict, least);
        if (parsed.GetValue(Json) is { } file)
        {
            await File.WriteAllTextAsync(file, verdict.ToJson() + Environment.NewLine, cancellation);
        }

        if (parsed.GetValue(Table) is { } table)
        {
            await File.WriteAllTextAsync(table, ChaosTable.Of(verdict), cancellation);
        }

        return verdict.SameLedger && verdict.Faults.Count >= least ? ExitCodes.Done : ExitCodes.Failed;
    }

    /// <summary>Now rather than after two trainings.</summary>
    private static void CheckWritable(string option, string? path)
    {
        try
        {
            using FileStream? file = path is null ? null : new FileStream(path, FileMode.Append);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException(option, 0, $"'{path}' cannot be written: {exception.Message}", "Name a file in a folder that is there.");
        }
    }

    private static FaultPlan Plan(ParseResult parsed, IReadOnlyList<Fault>? schedule, int workers, int shards, int mostAdded, int minimum)
    {
        ulong seed = parsed.GetValue(Seed);
        double? mean = parsed.GetValue(Mtbf);
        if (schedule is null == mean is null)
        {
            throw new InputException("chaos", 0, schedule is null ? "It is not said which faults shall happen." : "--schedule and --mtbf do not go together.", "Give --schedule FILE, or --mtbf SECONDS.");
        }

        if (schedule is not null)
        {
            return parsed.GetValue(Kinds) is { Length: > 0 }
                ? throw new InputException("--kinds", 0, "A schedule says itself what happens.", "Leave --kinds out, or use --mtbf.")
                : FaultPlan.Scheduled(schedule, parsed.GetValue(Schedule)!, workers, shards, seed, minimum);
        }

        return mean is > 0 and <= LongestMean
            ? FaultPlan.Drawn(mean.Value, Words(parsed) is { Count: > 0 } kinds ? kinds : [FaultKind.Kill], workers, shards, mostAdded, seed)
            : throw new InputException("--mtbf", 0, $"{mean} seconds is no mean time between faults.", $"Give a number above 0 and at most {LongestMean}.");
    }

    /// <summary>The kinds that were named, apart or with commas.</summary>
    private static IReadOnlyList<FaultKind> Words(ParseResult parsed)
    {
        string[] given = parsed.GetValue(Kinds)!;
        string[] words = [.. given.SelectMany(k => k.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
        IReadOnlyList<string> all = JobWords.All<FaultKind>();
        if (given.Length > 0 && words.Length == 0)
        {
            throw new InputException("--kinds", 0, "It names no kind of fault.", $"The kinds are {string.Join(", ", all)}.");
        }

        return words.FirstOrDefault(w => !all.Contains(w)) is { } unknown
            ? throw new InputException("--kinds", 0, $"There is no kind of fault '{unknown}'.", $"The kinds are {string.Join(", ", all)}.")
            : [.. words.Select(JobWords.Parse<FaultKind>)];
    }
}

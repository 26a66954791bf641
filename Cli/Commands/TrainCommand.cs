using System.CommandLine;
using System.Globalization;
using System.Text;
using Lockstep.Cli.Views;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Checkpoints;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Redis;
using Lockstep.Engine.Runs;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep train JOB</c>: trains a job with processes of its own on this machine.</summary>
internal static class TrainCommand
{
    private const int DefaultWorkers = 2;

    private static readonly Argument<string> Job = new("job") { HelpName = "JOB", Description = "The job file (YAML or JSON)." };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on from the newest checkpoint of the run's folder." };
    private static readonly Option<bool> AcceptClass = new("--accept-class") { Description = "With --resume: go on though this machine computes in another determinism class than the run did. The ledger's lines beyond the checkpoint are set aside, and it names the class of each part." };
    private static readonly Option<bool> AcceptCode = new("--accept-code") { Description = "With --resume: go on though the worker program's own models and data sources are not those of the run. The ledger's lines beyond the checkpoint are set aside, and it names the code of each part." };
    private static readonly Option<bool> Json = new("--json") { Description = "Write the summary as JSON to standard output; progress goes to standard error." };

    public static Command Create()
    {
        var command = new Command("train", "Train a job here, with a fleet of processes of its own.") { Job, RunOptions.Workers, RunOptions.Worker, RunOptions.Shards, RunOptions.Output, RunOptions.Redis, RunOptions.Transport, RunOptions.Otlp, Resume, AcceptClass, AcceptCode, RunOptions.StartLimit, RunOptions.Strict, RunOptions.Set, Json };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        TimeProvider time = TimeProvider.System;
        TrainingOptions options = Options(parsed, time);
        bool json = parsed.GetValue(Json);
        using ITrainingView view = TrainingViews.Create(new RunCaption(options.Job.Name, $"{Amount.Of(options.Workers, "worker")}, {Amount.Of(options.Job.Shards, "shard")}; {options.Output}", options.Job.Slots), json, time);
        TrainingResult result;
        try
        {
            result = await TrainingRun.RunAsync(options, view, time, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            view.Close();
            await Console.Error.WriteLineAsync($"Interrupted. {AfterFailure(options, parsed, "Go")}");
            return ExitCodes.Interrupted;
        }
        catch (FleetException exception)
        {
            view.Close();
            await Console.Error.WriteLineAsync($"{exception.Message}{Environment.NewLine}{AfterFailure(options, parsed, "Go")}");
            return ExitCodes.Failed;
        }

        view.Close();
        return await JobEnd.TellAsync(result.State, result.Error, result.Cause, result.Summary, result.Folder, json, parsed.GetValue(Job)!, $"Logs: {result.Folder.Logs}. {AfterFailure(options, parsed, "Once the cause is mended, go")}");
    }

    /// <summary>The job as it ran stands in the folder, whatever overrides it was started with. Passwords are left to the person.</summary>
    /// <param name="parsed">The options, as they were given.</param>
    /// <param name="go">How the sentence begins.</param>
    private static string AfterFailure(TrainingOptions options, ParseResult parsed, string go)
    {
        (string? worker, string? redis) = (parsed.GetValue(RunOptions.Worker), parsed.GetValue(RunOptions.Redis));
        var folder = new RunFolder(options.Output);
        if (UnbegunRun.IsIn(folder))
        {
            return "No step was done: there is nothing to resume, and the same command begins anew.";
        }

        var text = new StringBuilder($"{go} on with: lockstep train {folder.Job} --resume --output {folder.Path}");
        if (options.Workers != DefaultWorkers)
        {
            text.Append(CultureInfo.InvariantCulture, $" {RunOptions.Workers.Name} {options.Workers}");
        }

        if (worker is not null)
        {
            text.Append($" {RunOptions.Worker.Name} {worker}");
        }

        if (redis is not null)
        {
            text.Append($" {RunOptions.Redis.Name} {Secrets.Hide(redis)}");
        }

        if (options.Otlp is { } otlp)
        {
            text.Append($" {RunOptions.Otlp.Name} {Secrets.Hide(otlp.OriginalString)}");
        }

        return text.ToString();
    }

    private static TrainingOptions Options(ParseResult parsed, TimeProvider time)
    {
        int workers = RunOptions.ReadWorkers(parsed, DefaultWorkers);
        JobSpec job = RunOptions.ReadJob(parsed, Job);
        bool resume = parsed.GetValue(Resume);
        if (new[] { AcceptClass, AcceptCode }.FirstOrDefault(parsed.GetValue) is { } accepted && !resume)
        {
            throw new InputException(accepted.Name, 0, "It is of a run that goes on.", $"Add {Resume.Name}, or leave it out.");
        }

        return new TrainingOptions
        {
            Job = job,
            Output = parsed.GetValue(RunOptions.Output) ?? (resume ? NewestRun(job.Name) : Path.Combine(RunListing.UsualFolder, $"{job.Name}-{time.GetLocalNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}")),
            Workers = workers,
            Redis = RedisAddress.Find(parsed.GetValue(RunOptions.Redis)),
            Otlp = RunOptions.ReadOtlp(parsed),
            Resume = resume,
            AcceptClass = parsed.GetValue(AcceptClass),
            AcceptCode = parsed.GetValue(AcceptCode),
            StartLimit = RunOptions.ReadStartLimit(parsed),
            Environment = RunOptions.ReadTransport(parsed),
            Check = async (folder, progress, token) =>
            {
                CheckReport report = await JobCheck.RunAsync(job, parsed.GetValue(Job)!, folder, workers, RunOptions.FindServices(parsed), progress, token);
                JobCheck.ThrowErrors(report, parsed.GetValue(RunOptions.Strict));
                if (report.Code is { } code)
                {
                    IReadOnlyList<InputError> impure = await PurityCheck.RunOnceAsync(job, parsed.GetValue(Job)!, code, RunOptions.FindServices(parsed), token);
                    JobCheck.ThrowErrors(report with { Errors = impure }, strict: false);
                }

                return [.. report.Warnings.Select(warning => $"warning: {warning}")];
            },
            Services = RunOptions.FindServices(parsed),
            RedisServerAssembly = typeof(TrainCommand).Assembly.Location,
        };
    }

    private static string NewestRun(string name)
    {
        string? newest = Directory.Exists(RunListing.UsualFolder)
            ? Directory.EnumerateDirectories(RunListing.UsualFolder, name + "-*").Where(folder => File.Exists(new RunFolder(folder).Job)).Order(StringComparer.Ordinal).LastOrDefault()
            : null;
        return newest ?? throw new InputException("--resume", 0, $"There is no run of {name} in {RunListing.UsualFolder}/.", "Name its folder with --output.");
    }
}

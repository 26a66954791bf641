using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Cli.Views;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Rates;
using Lockstep.Engine.Redis;
using Lockstep.Engine.Runs;
using Lockstep.Plots;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep find-rate JOB</c>: trains a job for a few steps with a rising learning rate, and suggests one.</summary>
internal static class FindRateCommand
{
    private const int DefaultWorkers = 2;

    private static readonly JsonSerializerOptions Layout = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private static readonly Argument<string> Job = new("job") { HelpName = "JOB", Description = "The job file (YAML or JSON)." };
    private static readonly Option<double> From = new("--from") { HelpName = "RATE", Description = "Rate of the first step; default: 1e-6.", DefaultValueFactory = _ => 1e-6 };
    private static readonly Option<double> To = new("--to") { HelpName = "RATE", Description = "Rate of the last step; default: 10.", DefaultValueFactory = _ => 10 };
    private static readonly Option<int> Steps = new("--steps") { HelpName = "N", Description = "Steps at most; default: 100.", DefaultValueFactory = _ => 100 };
    private static readonly Option<string?> Output = new("--output") { HelpName = "FILE", Description = "SVG file to write: loss over rate." };
    private static readonly Option<bool> Json = new("--json") { Description = "Write what was found as JSON to standard output; progress goes to standard error." };

    public static Command Create()
    {
        var command = new Command("find-rate", "Train a job for some steps while its learning rate rises, and suggest one.") { Job, From, To, Steps, Output, RunOptions.Workers, RunOptions.Worker, RunOptions.Shards, RunOptions.Transport, RunOptions.Redis, RunOptions.StartLimit, RunOptions.Set, Json };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        TimeProvider time = TimeProvider.System;
        int workers = RunOptions.ReadWorkers(parsed, DefaultWorkers);
        string jobFile = parsed.GetValue(Job)!;
        JobSpec job = RateTest.JobOf(RunOptions.ReadJob(parsed, Job), parsed.GetValue(From), parsed.GetValue(To), parsed.GetValue(Steps));
        bool json = parsed.GetValue(Json);
        DirectoryInfo own = Directory.CreateTempSubdirectory("lockstep-find-rate-");
        try
        {
            RateCurve curve = await TestAsync(parsed, job, jobFile, own.FullName, workers, json, time, cancellation);
            if (parsed.GetValue(Output) is { } output)
            {
                WholeFile.Write(Path.GetFullPath(output), Output.Name, writer => writer.Write(Picture.Draw([PanelOf(job, curve)])));
            }

            await Console.Out.WriteLineAsync(json ? JsonSerializer.Serialize(curve, Layout) : Told(curve, parsed.GetValue(Output)));
            return curve.Suggestion is null ? ExitCodes.Failed : ExitCodes.Done;
        }
        finally
        {
            own.Delete(recursive: true);
        }
    }

    private static async Task<RateCurve> TestAsync(ParseResult parsed, JobSpec job, string jobFile, string folder, int workers, bool json, TimeProvider time, CancellationToken cancellation)
    {
        var options = new TrainingOptions
        {
            Job = job,
            Output = folder,
            Workers = workers,
            Redis = RedisAddress.Find(parsed.GetValue(RunOptions.Redis)),
            StartLimit = RunOptions.ReadStartLimit(parsed),
            Environment = RunOptions.ReadTransport(parsed),
            Check = async (run, progress, token) =>
            {
                CheckReport report = await JobCheck.RunAsync(job, jobFile, run, workers, RunOptions.FindServices(parsed), progress, token);
                JobCheck.ThrowErrors(report, strict: false);
                return [];
            },
            Services = RunOptions.FindServices(parsed),
            RedisServerAssembly = typeof(FindRateCommand).Assembly.Location,
        };
        using ITrainingView view = TrainingViews.Create(new RunCaption(job.Name, $"{Amount.Of(workers, "worker")}, {Amount.Of(job.Shards, "shard")}; learning rate {Texts.Of(parsed.GetValue(From))} to {Texts.Of(parsed.GetValue(To))}", job.Slots), json, time);
        try
        {
            return await RateTest.RunAsync(options, view, time, cancellation);
        }
        finally
        {
            view.Close();
        }
    }

    private static string Told(RateCurve curve, string? picture)
    {
        string found = curve.Suggestion is { } rate
            ? string.Create(CultureInfo.InvariantCulture, $"learning rate {rate:G2}: {curve.Reason}. Set it by --set optimizer.learningRate={rate:G2}, or in the job file.")
            : $"No learning rate can be suggested: {curve.Reason}.";
        return picture is null ? found : $"{found}{Environment.NewLine}{Path.GetFullPath(picture)}";
    }

    private static Panel PanelOf(JobSpec job, RateCurve curve)
    {
        (double, double)[] smoothed = [.. curve.Points.Zip(curve.Smoothed, (point, loss) => (point.Rate, loss))];
        var curves = new List<Curve>
        {
            new("loss of a step", [.. curve.Points.Select(point => (point.Rate, point.Loss))], CurveStyle.Dots, 0),
            new("averaged over neighbours", smoothed, CurveStyle.Line, 1),
        };
        if (curve.Suggestion is { } rate && smoothed.Length > 0)
        {
            curves.Add(new Curve(string.Create(CultureInfo.InvariantCulture, $"suggested: {rate:G2}"), [(rate, smoothed.Min(p => p.Item2)), (rate, smoothed.Max(p => p.Item2))], CurveStyle.Line, 2));
        }

        return new Panel($"{job.Name}: loss while the learning rate rises", "learning rate", "loss", curves) { IsLogarithmicX = true };
    }
}

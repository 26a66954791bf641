using System.CommandLine;
using Lockstep.Cli.Views;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep check JOB</c>: looks through a job's data and model without training.</summary>
internal static class CheckCommand
{
    private const int DefaultWorkers = 2;

    private static readonly Argument<string> Job = new("job") { HelpName = "JOB", Description = "The job file (YAML or JSON)." };
    private static readonly Option<bool> Json = new("--json") { Description = "Write what was found as JSON." };

    public static Command Create()
    {
        var command = new Command("check", "Look through a job's data and model, and say what is wrong with them, without training.") { Job, RunOptions.Workers, RunOptions.Set, RunOptions.Strict, Json };
        command.SetAction(async (parsed, cancellation) =>
        {
            int workers = RunOptions.ReadWorkers(parsed, DefaultWorkers);
            JobSpec job = RunOptions.ReadJob(parsed, Job);
            bool strict = parsed.GetValue(RunOptions.Strict);
            CheckReport report;
            using (var line = new PassingLine(TimeProvider.System))
            {
                report = await JobCheck.RunAsync(job, parsed.GetValue(Job)!, null, workers, line.Show, cancellation);
            }

            if (parsed.GetValue(Json))
            {
                Console.WriteLine(report.ToJson());
                return report.Errors.Count > 0 || (strict && report.Warnings.Count > 0) ? ExitCodes.BadInput : ExitCodes.Done;
            }

            foreach (string line in CheckView.Lines(report))
            {
                Console.WriteLine(line);
            }

            JobCheck.ThrowErrors(report, strict);
            foreach (InputError warning in report.Warnings)
            {
                Console.WriteLine($"warning: {warning}");
            }

            return ExitCodes.Done;
        });
        return command;
    }
}

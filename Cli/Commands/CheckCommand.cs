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
    private static readonly Option<bool> Purity = new("--purity") { Description = "Compute slots twice, in two orders and two processes, and compare their bits: what a model or data of your own do wrong shows." };
    private static readonly Option<bool> Json = new("--json") { Description = "Write what was found as JSON." };

    public static Command Create()
    {
        var command = new Command("check", "Look through a job's data and model, and say what is wrong with them, without training.") { Job, RunOptions.Workers, RunOptions.Worker, RunOptions.Set, RunOptions.Strict, Purity, Json };
        command.SetAction(async (parsed, cancellation) =>
        {
            int workers = RunOptions.ReadWorkers(parsed, DefaultWorkers);
            JobSpec job = RunOptions.ReadJob(parsed, Job);
            bool strict = parsed.GetValue(RunOptions.Strict);
            CheckReport report;
            using (var line = new PassingLine(TimeProvider.System))
            {
                report = await JobCheck.RunAsync(job, parsed.GetValue(Job)!, null, workers, RunOptions.FindServices(parsed), line.Show, cancellation);
            }

            if (report.Errors.Count == 0 && parsed.GetValue(Purity))
            {
                report = report with { Errors = await PurityCheck.RunAsync(job, parsed.GetValue(Job)!, RunOptions.FindServices(parsed), cancellation) };
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

            if (parsed.GetValue(Purity))
            {
                Console.WriteLine("purity    slots have the same bits in two orders and two processes");
            }

            return ExitCodes.Done;
        });
        return command;
    }
}

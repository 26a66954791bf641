using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Lockstep.Cli.Views;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Client;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep jobs</c>: the jobs of a scheduler.</summary>
internal static class JobsCommand
{
    private static readonly Option<bool> Json = new("--json") { Description = "Write them as JSON." };

    public static Command Create() => new Command("jobs", "List the jobs of a scheduler.") { Json }.WithScheduler(RunAsync);

    private static async Task<int> RunAsync(SchedulerClient scheduler, ParseResult parsed, CancellationToken cancellation)
    {
        IReadOnlyList<JobStatus> jobs = await scheduler.ListAsync(cancellation);
        if (parsed.GetValue(Json))
        {
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(jobs, JsonSerializerOptions.Web));
            return ExitCodes.Done;
        }

        await Columns.WriteAsync(Console.Out, ["JOB", "STATE", "STEP", "WORKERS", "ERROR"], jobs.Select(Cells));
        return ExitCodes.Done;
    }

    private static string[] Cells(JobStatus job) =>
        [job.JobId, JobWords.Of(job.State), $"{job.Step}" + (job.TotalSteps > 0 ? $" of {job.TotalSteps}" : ""), job.Workers.ToString(CultureInfo.InvariantCulture), job.Error?.Split('\n')[0] ?? ""];
}

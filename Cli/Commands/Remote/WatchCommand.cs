using System.CommandLine;
using Lockstep.Cli.Views;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Client;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep watch ID</c>: shows how a job goes, to its end.</summary>
internal static class WatchCommand
{
    private static readonly Argument<string> Id = new("id") { HelpName = "ID", Description = "Of the job." };

    public static readonly Option<bool> Json = new("--json") { Description = "Write the summary as JSON to standard output; progress goes to standard error." };

    public static Command Create() => new Command("watch", "Show how a job goes, to its end; Ctrl-C leaves it running.") { Id, Json }
        .WithScheduler((scheduler, parsed, cancellation) => FollowAsync(scheduler, parsed.GetValue(Id)!, null, parsed.GetValue(Json), null, cancellation));

    /// <param name="slots">Of a step; null: not known here.</param>
    /// <param name="jobFile">Where the job came from; null: not known here.</param>
    /// <returns>The exit code that the job's end gives.</returns>
    public static async Task<int> FollowAsync(SchedulerClient scheduler, string jobId, int? slots, bool json, string? jobFile, CancellationToken cancellation)
    {
        // An id that is none, or a scheduler that is away, is told at once; a connection that breaks later is made again.
        JobStatus last = await scheduler.FindAsync(jobId, cancellation);
        using (ITrainingView view = TrainingViews.Create(new RunCaption(jobId, null, slots), json, TimeProvider.System))
        {
            await foreach (JobEvent item in scheduler.EventsAsync(jobId, 0, cancellation))
            {
                last = item.Status;
                view.Happened(item);
            }

            view.Close();
        }

        await (json ? Console.Error : Console.Out).WriteLineAsync($"{jobId}: {JobWords.Of(last.State)} at step {last.Step}");
        if (last.State == JobState.Cancelled)
        {
            return ExitCodes.Failed;
        }

        return await JobEnd.TellAsync(last.State, last.Error, last.Cause, await scheduler.SummaryAsync(jobId, cancellation), new RunFolder(last.RunDirectory), json, jobFile, $"The run's folder: {last.RunDirectory}");
    }
}

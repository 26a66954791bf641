using System.CommandLine;
using Lockstep.Cli.Views;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Scheduling;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep watch ID</c>: shows how a job goes, to its end.</summary>
internal static class WatchCommand
{
    private static readonly Argument<string> Id = new("id") { HelpName = "ID", Description = "Of the job." };

    public static Command Create() => new Command("watch", "Show how a job goes, to its end; Ctrl-C leaves it running.") { Id }
        .WithScheduler((scheduler, parsed, cancellation) => FollowAsync(scheduler, parsed.GetValue(Id)!, null, cancellation));

    /// <returns>The exit code that the job's end gives.</returns>
    public static async Task<int> FollowAsync(SchedulerClient scheduler, string jobId, int? slots, CancellationToken cancellation)
    {
        // An id that is none, or a scheduler that is away, is told at once; a connection that breaks later is made again.
        JobStatus last = await scheduler.FindAsync(jobId, cancellation);
        using (ITrainingView view = TrainingViews.Create(new RunCaption(jobId, null, slots), json: false, TimeProvider.System))
        {
            await foreach (JobEvent item in scheduler.EventsAsync(jobId, 0, cancellation))
            {
                last = item.Status;
                view.Happened(item);
            }

            view.Close();
        }

        await Console.Out.WriteLineAsync($"{jobId}: {JobWords.Of(last.State)} at step {last.Step}" + (last.Error is { } error ? $": {error}" : ""));
        return last.State == JobState.Finished ? ExitCodes.Done : ExitCodes.Failed;
    }
}

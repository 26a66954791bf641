using System.CommandLine;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Client;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep cancel ID</c> and its like: one request about one job.</summary>
internal static class JobActionCommand
{
    /// <param name="act">What came of it is printed as the job's state.</param>
    public static Command Create(string name, string description, Func<SchedulerClient, string, CancellationToken, Task<JobStatus>> act) => Create(name, description, async (scheduler, id, cancellation) =>
    {
        JobStatus status = await act(scheduler, id, cancellation);
        return $"{status.JobId}: {JobWords.Of(status.State)} at step {status.Step}";
    });

    /// <param name="act">Gives the line to print.</param>
    public static Command Create(string name, string description, Func<SchedulerClient, string, CancellationToken, Task<string>> act)
    {
        var id = new Argument<string>("id") { HelpName = "ID", Description = "Of the job." };
        return new Command(name, description) { id }.WithScheduler(async (scheduler, parsed, cancellation) =>
        {
            await Console.Out.WriteLineAsync(await act(scheduler, parsed.GetValue(id)!, cancellation));
            return ExitCodes.Done;
        });
    }
}

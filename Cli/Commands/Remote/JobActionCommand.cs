using System.CommandLine;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Scheduling;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep cancel ID</c> and its like: one request about one job.</summary>
internal static class JobActionCommand
{
    public static Command Create(string name, string description, Func<SchedulerClient, string, CancellationToken, Task<JobStatus>> act)
    {
        var id = new Argument<string>("id") { HelpName = "ID", Description = "Of the job." };
        return new Command(name, description) { id }.WithScheduler(async (scheduler, parsed, cancellation) =>
        {
            JobStatus status = await act(scheduler, parsed.GetValue(id)!, cancellation);
            await Console.Out.WriteLineAsync($"{status.JobId}: {JobWords.Of(status.State)} at step {status.Step}");
            return ExitCodes.Done;
        });
    }
}

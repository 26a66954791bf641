using System.CommandLine;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Client;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep submit JOB</c>: hands a job to a scheduler.</summary>
internal static class SubmitCommand
{
    private const int SuffixLength = 8;

    private static readonly Argument<string> Job = new("job") { HelpName = "JOB", Description = "The job file (YAML or JSON). Its data must lie where the scheduler's machines find it under the same path." };
    private static readonly Option<string?> Id = new("--id") { HelpName = "ID", Description = "Of the job; the same job under the same id again is a no-op. Default: its name and a random suffix." };
    private static readonly Option<string?> RunDirectory = new("--run-directory") { HelpName = "DIR", Description = "Folder of the run on the scheduler's machines; default: the scheduler chooses one." };
    private static readonly Option<bool> Wait = new("--wait") { Description = "Watch the job to its end, tell what it came to as 'train' does, and end with its exit code." };
    private static readonly Option<bool> Print = new("--print") { Description = "Only print the body of the request, for other clients." };

    public static Command Create() => new Command("submit", "Hand a job to a scheduler.") { Job, Id, RunDirectory, RunOptions.Set, Wait, WatchCommand.Json, Print }.WithScheduler(RunAsync);

    private static async Task<int> RunAsync(SchedulerClient scheduler, ParseResult parsed, CancellationToken cancellation)
    {
        JobSpec job = JobFile.Load(parsed.GetValue(Job)!, parsed.GetValue(RunOptions.Set)!);
        string id = parsed.GetValue(Id) ?? $"{job.Name}-{Guid.NewGuid().ToString("n")[..SuffixLength]}";
        var request = new SubmitRequest(id, JobFile.ToCanonicalJson(job), parsed.GetValue(RunDirectory) ?? "");
        if (parsed.GetValue(Print))
        {
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(request, JsonSerializerOptions.Web));
            return ExitCodes.Done;
        }

        if (parsed.GetValue(WatchCommand.Json) && !parsed.GetValue(Wait))
        {
            throw new InputException(WatchCommand.Json.Name, 0, "The summary is there at the job's end only.", $"Add {Wait.Name}, or leave it out.");
        }

        JobStatus status = await scheduler.SubmitAsync(request, cancellation);
        if (parsed.GetValue(Wait))
        {
            await Console.Error.WriteLineAsync(status.JobId);
            return await WatchCommand.FollowAsync(scheduler, status.JobId, job.Slots, parsed.GetValue(WatchCommand.Json), parsed.GetValue(Job)!, cancellation);
        }

        await Console.Out.WriteLineAsync(status.JobId);
        return ExitCodes.Done;
    }
}

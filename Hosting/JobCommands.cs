using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Client;

namespace Lockstep.Hosting;

/// <summary>What a person can do with a job: commands on its row, and on the scheduler, where the job is chosen.</summary>
internal static class JobCommands
{
    public const string Pause = "pause-job";
    public const string Resume = "resume-job";
    public const string Checkpoint = "checkpoint-job";
    public const string Cancel = "cancel-job";

    public static IReadOnlyList<JobCommand> All { get; } =
    [
        new(Pause, "Pause", "Pause", "Halts a job after the step in hand; its workers are free for others.", state => state is JobState.Queued or JobState.Checking or JobState.Running or JobState.Waiting,
            async (client, job, cancellation) => Told(await client.PauseAsync(job, cancellation))),
        new(Resume, "Resume", "PlayCircle", "Goes on with a job that was paused.", state => state is JobState.Paused,
            async (client, job, cancellation) => Told(await client.ResumeAsync(job, cancellation))),
        new(Checkpoint, "Checkpoint now", "Save", "Cuts a checkpoint of a job after its current step.", state => state is JobState.Running or JobState.Paused or JobState.Waiting,
            async (client, job, cancellation) => $"{job}: the checkpoint of step {(await client.CheckpointAsync(job, cancellation)).Step} is on disk."),
        new(Cancel, "Cancel", "Dismiss", "Ends a job; its run's folder stays.", state => !state.IsOver(),
            async (client, job, cancellation) => Told(await client.CancelAsync(job, cancellation)), "End this job? Its newest checkpoint stays, and it can be resumed from there."),
    ];

    /// <summary>The commands as they go with one job.</summary>
    public static void AddTo(JobResource job)
    {
        foreach (JobCommand command in All)
        {
            job.Annotations.Add(new ResourceCommandAnnotation(
                command.Name,
                command.Title,
                context => context.ResourceSnapshot.Properties.FirstOrDefault(p => p.Name == JobRow.StateProperty)?.Value is string state && command.Applies(JobWords.Parse<JobState>(state)) ? ResourceCommandState.Enabled : ResourceCommandState.Disabled,
                context => CommandCalls.CallAsync(context, (client, cancellation) => command.DoAsync(client, job.Name, cancellation)),
                command.Description,
                arguments: null,
                command.Confirmation,
                command.Icon,
                IconVariant.Regular,
                isHighlighted: command.Name is Pause or Resume));
        }
    }

    private static string Told(JobStatus job) => $"{job.JobId} is {JobWords.Of(job.State)} at step {job.Step}.";
}

/// <param name="Applies">Whether it goes with a job in such a state.</param>
/// <param name="DoAsync">Does it with the job of this id, and says what came of it.</param>
/// <param name="Confirmation">Asked before; null: it can be undone.</param>
internal sealed record JobCommand(
    string Name, string Title, string Icon, string Description, Func<JobState, bool> Applies, Func<SchedulerClient, string, CancellationToken, Task<string>> DoAsync, string? Confirmation = null);

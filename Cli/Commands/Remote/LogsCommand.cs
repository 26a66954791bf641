using System.CommandLine;
using Lockstep.Cli.Views;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Contracts;
using Lockstep.Client;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep logs ID</c>: what happened in a job, a line each.</summary>
internal static class LogsCommand
{
    private static readonly Argument<string> Id = new("id") { HelpName = "ID", Description = "Of the job." };
    private static readonly Option<bool> Follow = new("--follow") { Description = "Go on until the job is over." };

    public static Command Create() => new Command("logs", "Print what happened in a job, its single steps left out.") { Id, Follow }.WithScheduler(RunAsync);

    private static async Task<int> RunAsync(SchedulerClient scheduler, ParseResult parsed, CancellationToken cancellation)
    {
        string id = parsed.GetValue(Id)!;
        long next = 0;
        JobLogPage page;
        do
        {
            page = await scheduler.LogAsync(id, next, cancellation);
            next = page.Next;
            foreach (JobEvent item in page.Events)
            {
                await WriteAsync(item);
            }
        }
        while (page.Events.Count > 0);

        if (parsed.GetValue(Follow) && !page.Over)
        {
            await foreach (JobEvent item in scheduler.EventsAsync(id, next, cancellation))
            {
                await WriteAsync(item);
            }
        }

        return ExitCodes.Done;
    }

    private static async Task WriteAsync(JobEvent item)
    {
        string? what = (item.Report is { } report ? RunRecord.FromElement(report) : null) switch
        {
            StepRecord => null,
            EvaluationRecord evaluation => Texts.Of(evaluation),
            _ when item.Note is { } note => note,
            // A scheduler that has just come does not know the workers yet.
            _ => JobWords.Of(item.Status.State) + (item.Status is { State: JobState.Running, Workers: 0 } ? "" : $", {Amount.Of(item.Status.Workers, "worker")}") + (item.Status.Error is { } error ? $": {error}" : ""),
        };
        if (what is not null)
        {
            await Console.Out.WriteLineAsync($"step {item.Status.Step}: {what}");
        }
    }
}

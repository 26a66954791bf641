using System.Collections.Concurrent;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.AppHost;

/// <summary>The command that proves a job's run again, as <c>lockstep verify</c> does.</summary>
internal static class VerifyCommand
{
    private const string JobArgument = "job";

    /// <param name="worker">A worker program with models of its own; null: the product's.</param>
    public static IResourceBuilder<ProjectResource> WithVerifyCommand(this IResourceBuilder<ProjectResource> scheduler, string? worker)
    {
        string root = LockstepCommand.RootOf(scheduler.ApplicationBuilder);
        return scheduler.WithCommand("verify-job", "Verify (a job)", context => VerifyAsync(context, root, worker), CommandCalls.Options(
            "ShieldCheckmark", "Computes steps of a job's run again, alone, and compares them with its ledger.",
            [CommandCalls.Choice(JobArgument, "Job", fleet => fleet.Jobs.Where(job => job.Status.Step > 0).Select(job => job.Status.JobId))]));
    }

    private static async Task<ExecuteCommandResult> VerifyAsync(ExecuteCommandContext context, string root, string? worker)
    {
        string id = context.Arguments.GetString(JobArgument)!;
        if (context.Services.GetRequiredService<FleetWatch>().Now.Fleet?.Jobs.FirstOrDefault(job => job.Status.JobId == id) is not { } job)
        {
            return CommandResults.Failure($"The scheduler knows no job {id}.");
        }

        try
        {
            var said = new ConcurrentQueue<string>();
            int code = await LockstepCommand.RunAsync(root, ["verify", job.RunDirectory, .. worker is null ? Array.Empty<string>() : ["--worker", worker]], said.Enqueue, context.CancellationToken);
            string told = string.Join('\n', said.Where(line => line.Length > 0));
            return code == 0 ? CommandCalls.Told(told) : CommandResults.Failure(told);
        }
        catch (InputException exception)
        {
            return CommandResults.Failure(exception.Message);
        }
    }
}

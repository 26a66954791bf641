using Lockstep.Client;
using System.Globalization;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Lockstep.Hosting;

/// <summary>Commands on the scheduler and on workers in the dashboard, and of <c>aspire resource</c>.</summary>
internal static class SchedulerCommands
{
    public const string Jobs = "list-jobs";
    public const string Scale = "scale-workers";
    public const string Drain = "drain-worker";
    public const string Submit = "submit-sample";
    public const string SubmitFile = "submit-file";

    private const string WorkersArgument = "workers";
    private const string WorkerArgument = "worker";
    private const string JobArgument = "job";
    private const string SampleArgument = "sample";
    private const string FileArgument = "file";
    private const string DrainIcon = "PersonArrowRight";
    private const string DrainConfirmation = "Let this worker hand in what it has in hand, and end? Another is started where the jobs want as many.";
    private const int LargestFile = 1 << 20;

    /// <param name="mostWorkers">That there can be.</param>
    /// <param name="root">Folder that relative paths of a submitted file begin at.</param>
    /// <param name="samples">Folders below <c>samples</c> in it whose jobs can be submitted by a command.</param>
    public static IResourceBuilder<T> WithSchedulerCommands<T>(this IResourceBuilder<T> scheduler, int mostWorkers, string root, IReadOnlyList<string> samples) where T : IResource
    {
        if (samples.Count > 0)
        {
            scheduler.WithCommand(Submit, "Submit a sample job", context => CommandCalls.CallAsync(context, async (client, cancellation) =>
                Told(await client.SubmitAsync(Request(JobFile.Load(Path.Combine(root, "samples", context.Arguments.GetString(SampleArgument)!, "job.yaml"), []), context.Services), cancellation))), CommandCalls.Options(
                "Play", "Trains one of the samples; its run folder is made below runs/.",
                [new() { Name = SampleArgument, Label = "Sample", InputType = InputType.Choice, Required = true, Value = samples[0], Options = [.. samples.Select(s => KeyValuePair.Create(s, s))] }], isHighlighted: true));
        }

        scheduler
            .WithCommand(Jobs, "Jobs", context => CommandCalls.AnswerAsync(context, async (client, cancellation) => Table(await client.ListAsync(cancellation))), CommandCalls.Options(
                "List", "Lists the jobs that the scheduler knows, with their states.", []))
            .WithCommand(SubmitFile, "Submit a job file", context => CommandCalls.CallAsync(context, async (client, cancellation) =>
                Told(await client.SubmitAsync(Request(await ReadAsync(context.Arguments[FileArgument], root, cancellation), context.Services), cancellation))), CommandCalls.Options(
                "DocumentArrowUp", "Trains a job of your own: a job file from this browser's machine, or its path on the scheduler's. What data it names lies on the scheduler's; a chosen file's relative paths begin at the application's folder.",
                [new() { Name = FileArgument, Label = "Job file", InputType = InputType.File, Required = true, FileFilter = ".yaml,.yml,.json", MaxFileSize = LargestFile }],
                validate: async context =>
                {
                    try
                    {
                        await ReadAsync(context.Inputs[FileArgument], root, context.CancellationToken);
                    }
                    catch (InputException exception)
                    {
                        context.AddValidationError(FileArgument, exception.Message);
                    }
                }))
            .WithCommand(Scale, "Scale workers", context => CommandCalls.CallAsync(context, async (client, cancellation) =>
            {
                DesiredWorkers desired = await client.ScaleAsync(Number(context.Arguments.GetString(WorkersArgument)), cancellation);
                return $"{Amount.Of(desired.Desired, "worker")}: {desired.Reason}";
            }), CommandCalls.Options(
                "ArrowAutofitWidth", "Sets the number of workers by hand; without a number the policy decides again.",
                [new() { Name = WorkersArgument, Label = "Workers", InputType = InputType.Number, Required = false, Placeholder = $"0 to {mostWorkers}; empty: as the policy decides" }],
                validate: context =>
                {
                    if (context.Inputs.GetString(WorkersArgument) is { Length: > 0 } text && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= mostWorkers))
                    {
                        context.AddValidationError(WorkersArgument, $"'{text}' is no number from 0 to {mostWorkers}. Give one, or leave it empty.");
                    }

                    return Task.CompletedTask;
                }, isHighlighted: true))
            .WithCommand(Drain, "Drain a worker", context => CommandCalls.CallAsync(context, (client, cancellation) => DrainAsync(client, context.Arguments.GetString(WorkerArgument)!, cancellation)), CommandCalls.Options(
                DrainIcon, "Lets a worker finish what it has in hand and end; another is started where the jobs want as many.",
                [CommandCalls.Choice(WorkerArgument, "Worker", fleet => fleet.Workers.Select(w => w.WorkerId))], DrainConfirmation));
        foreach (JobCommand command in JobCommands.All)
        {
            scheduler.WithCommand(command.Name, $"{command.Title} (a job)", context => CommandCalls.CallAsync(context, (client, cancellation) => command.DoAsync(client, context.Arguments.GetString(JobArgument)!, cancellation)), CommandCalls.Options(
                command.Icon, command.Description, [CommandCalls.Choice(JobArgument, "Job", fleet => fleet.Jobs.Where(j => command.Applies(j.Status.State)).Select(j => j.Status.JobId))], command.Confirmation));
        }

        return scheduler;
    }

    /// <summary>The command on the row of a worker.</summary>
    public static IResourceBuilder<ProjectResource> WithDrain(this IResourceBuilder<ProjectResource> worker) =>
        worker.WithCommand(Drain, "Drain", context => CommandCalls.CallAsync(context, (client, cancellation) => DrainAsync(client, worker.Resource.Name, cancellation)), CommandCalls.Options(
            DrainIcon, "Lets this worker finish what it has in hand and end.", [], DrainConfirmation));

    private static async Task<string> DrainAsync(SchedulerClient client, string worker, CancellationToken cancellation)
    {
        await client.DrainAsync(worker, cancellation);
        return $"{worker} hands in what it has in hand, and ends.";
    }

    /// <exception cref="InputException">It is no job file.</exception>
    private static async Task<JobSpec> ReadAsync(InteractionInput input, string root, CancellationToken cancellation)
    {
        InteractionFileCollection files = input.GetFiles();
        return files.Count == 1
            ? JobFile.Parse(Encoding.UTF8.GetString(await files[0].ReadAllBytesAsync(cancellation)), files[0].Name, root, [])
            // The command line of Aspire gives what was typed.
            : JobFile.Load(Path.GetFullPath(string.IsNullOrWhiteSpace(input.Value) ? throw new InputException("job file", 0, "None was chosen.", "Choose one.") : input.Value, root), []);
    }

    private static SubmitRequest Request(JobSpec job, IServiceProvider services)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"{job.Name}-{services.GetRequiredService<TimeProvider>().GetUtcNow():yyyyMMdd-HHmmss}");
        return new SubmitRequest(id, JobFile.ToCanonicalJson(job));
    }

    private static string Table(IReadOnlyList<JobStatus> jobs) => jobs.Count == 0
        ? "There are no jobs."
        : $"| job | state | step | workers |\n|---|---|---|---|\n{string.Concat(jobs.Select(job => string.Create(CultureInfo.InvariantCulture, $"| {job.JobId} | {JobWords.Of(job.State)} | {job.Step} of {job.TotalSteps} | {job.Workers} |\n")))}";

    private static string Told(JobStatus job) => $"{job.JobId} is {JobWords.Of(job.State)}.";

    private static int? Number(string? text) => string.IsNullOrWhiteSpace(text) ? null : int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}

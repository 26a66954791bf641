using System.Globalization;
using System.Net.Http.Json;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.AppHost;

/// <summary>Commands on the scheduler in the dashboard; each is one call of its HTTP API.</summary>
internal static class SchedulerCommands
{
    public const string Scale = "scale-workers";
    public const string Drain = "drain-worker";
    public const string Submit = "submit-sample";
    public const string Pause = "pause-job";
    public const string Resume = "resume-job";
    public const string Checkpoint = "checkpoint-job";

    private const string WorkersArgument = "workers";
    private const string WorkerArgument = "worker";
    private const string JobArgument = "job";
    private const string SampleArgument = "sample";

    /// <summary>Samples whose data are shipped with them.</summary>
    private static readonly string[] Samples = ["digits", "medical", "driving"];

    public static IResourceBuilder<ProjectResource> WithSchedulerCommands(this IResourceBuilder<ProjectResource> scheduler, IResourceBuilder<ParameterResource> apiKey)
    {
        string root = Path.GetFullPath(Path.Combine(scheduler.ApplicationBuilder.AppHostDirectory, ".."));
        return scheduler
            .WithApiCommand(apiKey, Scale, "Scale workers", "ArrowAutofitWidth", "Sets the number of workers by hand; without a number the policy decides again.",
                new InteractionInput { Name = WorkersArgument, Label = "Workers", InputType = InputType.Number, Required = false },
                call => (SchedulerRoutes.ScaleWorkers, new ScaleRequest(Number(call.Arguments.GetString(WorkersArgument)))))
            .WithApiCommand(apiKey, Drain, "Drain a worker", "PersonArrowRight", "Lets a worker finish what it has in hand and end; another is started where the jobs want as many.",
                new InteractionInput { Name = WorkerArgument, Label = "Worker", InputType = InputType.Text, Required = true, Placeholder = "worker-0" },
                call => (SchedulerRoutes.Drain(Segment(call, WorkerArgument)), null))
            .WithApiCommand(apiKey, Submit, "Submit a sample job", "Play", "Trains one of the samples; its run folder is made below runs/.",
                new InteractionInput { Name = SampleArgument, Label = "Sample", InputType = InputType.Choice, Required = true, Value = Samples[0], Options = [.. Samples.Select(s => KeyValuePair.Create(s, s))] },
                call => (SchedulerRoutes.Jobs, SampleJob(root, call.Arguments.GetString(SampleArgument)!, call.Services.GetRequiredService<TimeProvider>())))
            .WithJobCommand(apiKey, Pause, "Pause a job", "Pause", "Halts a job after the step in hand; its workers are free for others.", SchedulerRoutes.Pause)
            .WithJobCommand(apiKey, Resume, "Resume a job", "PlayCircle", "Goes on with a job that was paused.", SchedulerRoutes.Resume)
            .WithJobCommand(apiKey, Checkpoint, "Checkpoint now", "Save", "Cuts a checkpoint of a job after its current step.", SchedulerRoutes.Checkpoint);
    }

    private static IResourceBuilder<ProjectResource> WithJobCommand(
        this IResourceBuilder<ProjectResource> scheduler, IResourceBuilder<ParameterResource> apiKey, string name, string title, string icon, string description, Func<string, string> route) =>
        scheduler.WithApiCommand(apiKey, name, title, icon, description,
            new InteractionInput { Name = JobArgument, Label = "Job", InputType = InputType.Text, Required = true, Placeholder = "id of the job" },
            call => (route(Segment(call, JobArgument)), null));

    private static IResourceBuilder<ProjectResource> WithApiCommand(
        this IResourceBuilder<ProjectResource> scheduler, IResourceBuilder<ParameterResource> apiKey, string name, string title, string icon, string description, InteractionInput argument,
        Func<HttpCommandRequestContext, (string Path, object? Body)> call) =>
        // The path follows from the argument: it is set when the request is prepared.
        scheduler.WithHttpCommand("/", title, EndpointNames.Http, name, new HttpCommandOptions
        {
            Method = HttpMethod.Post,
            Description = description,
            IconName = icon,
            IsHighlighted = name is Scale or Submit,
            Arguments = [argument],
            ResultMode = HttpCommandResultMode.Json,
            PrepareRequest = async context =>
            {
                (string path, object? body) = call(context);
                context.Request.RequestUri = new Uri(context.Request.RequestUri!, path);
                context.Request.Content = body is null ? null : JsonContent.Create(body, body.GetType());
                context.Request.Headers.Add(SchedulerHeaders.ApiKey, await apiKey.Resource.GetValueAsync(context.CancellationToken));
            },
        });

    private static SubmitRequest SampleJob(string root, string sample, TimeProvider time)
    {
        JobSpec job = JobFile.Load(Path.Combine(root, "samples", sample, "job.yaml"), []);
        string id = string.Create(CultureInfo.InvariantCulture, $"{sample}-{time.GetUtcNow():yyyyMMdd-HHmmss}");
        return new SubmitRequest(id, JobFile.ToCanonicalJson(job), Path.Combine(root, "runs", id), null);
    }

    private static int? Number(string? text) => string.IsNullOrWhiteSpace(text) ? null : int.Parse(text, CultureInfo.InvariantCulture);

    private static string Segment(HttpCommandRequestContext call, string argument) => Uri.EscapeDataString(call.Arguments.GetString(argument)!);
}

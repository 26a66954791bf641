using System.Globalization;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Api;
using Lockstep.Scheduler.Redis;
using Microsoft.AspNetCore.Mvc;

namespace Lockstep.Scheduler.Jobs;

/// <summary>The part of the HTTP API that is about jobs; paths and bodies are those of <see cref="SchedulerRoutes"/>.</summary>
internal static class JobEndpoints
{
    private const int LongestPage = 1000;

    public static void MapJobs(this IEndpointRouteBuilder api)
    {
        api.MapPost(SchedulerRoutes.Jobs, SubmitAsync).WithName("SubmitJob").WithSummary("Hand a job in; the same again is answered alike.")
            .Produces<JobStatus>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status413PayloadTooLarge).ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        api.MapGet(SchedulerRoutes.Jobs, (JobList jobs) => jobs.InOrder.Select(job => job.Status)).WithName("ListJobs").WithSummary("Jobs in order of submission: all that are not over, and the newest that are.");
        api.MapGet(SchedulerRoutes.Job("{id}"), (string id, JobList jobs) => With(jobs, id, job => Results.Ok(job.Status))).WithName("GetJob").WithSummary("One job.").ProducesJob();
        api.MapDelete(SchedulerRoutes.Job("{id}"), DeleteAsync).WithName("DeleteJob").WithSummary("Cancel a job and forget it; its run's folder stays.")
            .Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet($"{SchedulerRoutes.Job("{id}")}/events", Events).RequireRateLimiting(RateLimits.Streams).WithName("ReadJobEvents").WithSummary("What happens in a job, as server-sent events, until it is over.")
            .WithDescription("From event number 'from' on, or from the one after Last-Event-ID; the oldest are not kept.")
            .Produces<JobEvent>(StatusCodes.Status200OK, "text/event-stream").ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet($"{SchedulerRoutes.Job("{id}")}/logs", Logs).WithName("ReadJobLog").WithSummary("What happened in a job, its single steps left out, page by page.")
            .Produces<JobLogPage>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet(SchedulerRoutes.Summary("{id}"), (string id, JobList jobs) => WithAsync(jobs, id, SummaryAsync)).WithName("GetJobSummary").WithSummary("What a job that is over came to: metrics, times, counts, as in summary.json of its run's folder.")
            .Produces<RunSummary>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapPost(SchedulerRoutes.Cancel("{id}"), (string id, JobList jobs) => WithAsync(jobs, id, async job =>
        {
            await job.TellAsync(new JobMessage.End(JobState.Cancelled));
            return Results.Ok(job.Status);
        })).WithName("CancelJob").WithSummary("End a job; one that is over stays as it is.").ProducesJob();
        api.MapPost(SchedulerRoutes.Pause("{id}"), (string id, JobList jobs) => WithAsync(jobs, id, async job => job.IsDoneElsewhere ? Elsewhere(job) : job.State == JobState.Paused || await job.TellAsync(new JobMessage.Pause()) ? Results.Ok(job.Status) : Over(job)))
            .WithName("PauseJob").WithSummary("Halt a job after the step in hand; its workers are free for others. One that is halted stays so.").ProducesJob().ProducesProblem(StatusCodes.Status409Conflict);
        api.MapPost(SchedulerRoutes.Resume("{id}"), (string id, JobList jobs) => WithAsync(jobs, id, async job => job.WantsWorkers || await job.TellAsync(new JobMessage.Resume()) ? Results.Ok(job.Status) : Over(job)))
            .WithName("ResumeJob").WithSummary("Let a paused job go on; one that does is left as it is.").ProducesJob().ProducesProblem(StatusCodes.Status409Conflict);
        api.MapPost(SchedulerRoutes.Checkpoint("{id}"), (string id, JobList jobs, AskedCheckpoint checkpoint, CancellationToken cancellation) => WithAsync(jobs, id, job => CheckpointAsync(checkpoint, job, cancellation)))
            .WithName("CheckpointJob").WithSummary("Keep the version after the step in hand as a checkpoint, or that where a halted job stands; answered once it is on disk.")
            .Produces<CheckpointStatus>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> CheckpointAsync(AskedCheckpoint checkpoint, ScheduledJob job, CancellationToken cancellation)
    {
        if (job.State is not (JobState.Running or JobState.Paused or JobState.Waiting) || !job.HasBegun)
        {
            return job.IsOver ? Over(job) : Results.Problem($"Job {job.Id} is {JobWords.Of(job.State)} and has not begun here: there is nothing to keep that is not on disk.", statusCode: StatusCodes.Status409Conflict);
        }

        try
        {
            return Results.Ok(new CheckpointStatus(job.Id, await checkpoint.KeepAsync(job, cancellation)));
        }
        catch (ProtocolException exception)
        {
            return Results.Problem(exception.Message, statusCode: exception.Error == ProtocolError.UnknownJob ? StatusCodes.Status409Conflict : StatusCodes.Status503ServiceUnavailable);
        }
        catch (TimeoutException) when (job.State != JobState.Running)
        {
            return Results.Problem($"The checkpoint of job {job.Id} is not on disk yet: the disk is slow or full, or its shards do not stand at one step. See the logs of the parameter servers; it is tried again.", statusCode: StatusCodes.Status503ServiceUnavailable);
        }
        catch (TimeoutException)
        {
            return Results.Problem($"Job {job.Id} did not finish a step in time. Its checkpoint is kept after the next one; see the job's log for what holds it up.", statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }

    private static async Task<IResult> SummaryAsync(ScheduledJob job)
    {
        try
        {
            return job.IsOver
                ? Results.Text(RunSummary.FromJson(await File.ReadAllTextAsync(job.Folder.Summary)).ToJson(), "application/json")
                : Results.Problem($"Job {job.Id} is {JobWords.Of(job.State)}: its summary is written at its end.", statusCode: StatusCodes.Status404NotFound);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return Results.Problem($"There is no summary of job {job.Id}: {(exception is FileNotFoundException or DirectoryNotFoundException ? "it ended before it began" : exception.Message)}.", statusCode: StatusCodes.Status404NotFound);
        }
    }

    private static async Task<IResult> SubmitAsync(SubmitRequest request, Intake intake, CancellationToken cancellation) =>
        await intake.SubmitAsync(request, cancellation) is { } job
            ? Results.Ok(job.Status)
            : Results.Problem($"Another job has the id {request.JobId}. Choose another id.", statusCode: StatusCodes.Status409Conflict);

    private static Task<IResult> DeleteAsync(string id, JobList jobs, JobStore store, CancellationToken cancellation) => WithAsync(jobs, id, async job =>
    {
        await job.TellAsync(new JobMessage.End(JobState.Cancelled));
        await store.DeleteAsync(job.Id, cancellation);
        jobs.Remove(job);
        return Results.NoContent();
    });

    private static IResult Events(string id, long? from, [FromHeader(Name = SchedulerHeaders.LastEventId)] string? last, JobList jobs, CancellationToken cancellation)
    {
        // A reader that connects again sends the path that it had, and the number of the last event that came.
        long first = from ?? 0;
        if (!string.IsNullOrEmpty(last))
        {
            if (!long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || number == long.MaxValue)
            {
                return Results.Problem($"{SchedulerHeaders.LastEventId} is '{last}', which is no number of an event. Send the id of the last event that came, or leave it out.", statusCode: StatusCodes.Status400BadRequest);
            }

            first = number + 1;
        }

        return first < 0 ? NotBelowZero(first) : With(jobs, id, job => TypedResults.ServerSentEvents(Items(job, first, cancellation)));
    }

    private static IResult Logs(string id, JobList jobs, long from = 0, int limit = LongestPage) =>
        from < 0 ? NotBelowZero(from)
        : limit is < 1 or > LongestPage ? Results.Problem($"limit is {limit}. Ask for 1 to {LongestPage} events.", statusCode: StatusCodes.Status400BadRequest)
        : With(jobs, id, job => Results.Ok(job.Log(from, limit)));

    private static async IAsyncEnumerable<SseItem<string>> Items(ScheduledJob job, long from, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (JobEvent item in job.ReadAsync(from, cancellation))
        {
            yield return new SseItem<string>(JsonSerializer.Serialize(item, JsonSerializerOptions.Web), "job") { EventId = item.Number.ToString(CultureInfo.InvariantCulture) };
        }
    }

    private static RouteHandlerBuilder ProducesJob(this RouteHandlerBuilder endpoint) => endpoint.Produces<JobStatus>().ProducesProblem(StatusCodes.Status404NotFound);

    private static IResult NotBelowZero(long from) => Results.Problem($"from is {from}. No event has a number below 0.", statusCode: StatusCodes.Status400BadRequest);

    private static IResult With(JobList jobs, string id, Func<ScheduledJob, IResult> answer) => jobs.Find(id) is { } job ? answer(job) : Unknown(id);

    private static async Task<IResult> WithAsync(JobList jobs, string id, Func<ScheduledJob, Task<IResult>> answer) => jobs.Find(id) is { } job ? await answer(job) : Unknown(id);

    private static IResult Over(ScheduledJob job) => Results.Problem($"Job {job.Id} is {JobWords.Of(job.State)}, which this does not go with.", statusCode: StatusCodes.Status409Conflict);

    private static IResult Elsewhere(ScheduledJob job) => Results.Problem($"No worker of job {job.Id} has joined this scheduler, though steps of it may be done: they are with another one that stands by, where this one cannot halt them, or about to join. End the other one, or ask again in some seconds.", statusCode: StatusCodes.Status409Conflict);

    private static IResult Unknown(string id) => Results.Problem($"There is no job {id}. GET {SchedulerRoutes.Jobs} lists those there are.", statusCode: StatusCodes.Status404NotFound);
}

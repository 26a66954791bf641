using System.Net.ServerSentEvents;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Workers;

namespace Lockstep.Scheduler.Jobs;

/// <summary>The HTTP API; paths and bodies are those of <see cref="SchedulerRoutes"/>.</summary>
internal static class JobEndpoints
{
    private const int MostWorkers = 10_000;

    public static void MapJobs(this IEndpointRouteBuilder app)
    {
        app.MapPost(SchedulerRoutes.Jobs, async (SubmitRequest request, JobManager jobs, CancellationToken cancellation) =>
        {
            if (Problem(request) is { } problem)
            {
                return Results.Problem(problem, statusCode: StatusCodes.Status400BadRequest);
            }

            try
            {
                return await jobs.SubmitAsync(request, cancellation) is { } job
                    ? Results.Ok(jobs.StatusOf(job))
                    : Results.Problem($"Another job has the id {request.JobId}. Choose another id.", statusCode: StatusCodes.Status409Conflict);
            }
            catch (InputException exception)
            {
                return Results.Problem(exception.Message, statusCode: StatusCodes.Status400BadRequest);
            }
        });
        app.MapGet(SchedulerRoutes.Jobs, (JobManager jobs) => jobs.Jobs);
        app.MapGet(SchedulerRoutes.Job("{id}"), (string id, JobManager jobs) => With(jobs, id, job => Results.Ok(jobs.StatusOf(job))));
        app.MapGet($"{SchedulerRoutes.Job("{id}")}/events", (string id, long? from, JobManager jobs, CancellationToken cancellation) => With(jobs, id, job => TypedResults.ServerSentEvents(Items(job, from ?? 0, cancellation))));
        app.MapPost(SchedulerRoutes.Cancel("{id}"), (string id, JobManager jobs) => WithAsync(jobs, id, async job =>
        {
            await jobs.CancelAsync(job);
            return Results.Ok(jobs.StatusOf(job));
        }));
        app.MapDelete(SchedulerRoutes.Job("{id}"), (string id, JobManager jobs, CancellationToken cancellation) => WithAsync(jobs, id, async job =>
        {
            await jobs.DeleteAsync(job, cancellation);
            return Results.NoContent();
        }));
        app.MapPost(SchedulerRoutes.Pause("{id}"), (string id, JobManager jobs) => WithAsync(jobs, id, async job => await jobs.PauseAsync(job) ? Results.Ok(jobs.StatusOf(job)) : Over(job)));
        app.MapPost(SchedulerRoutes.Resume("{id}"), (string id, JobManager jobs) => WithAsync(jobs, id, async job => await jobs.ResumeAsync(job) ? Results.Ok(jobs.StatusOf(job)) : Over(job)));
        app.MapGet(SchedulerRoutes.DesiredWorkers, (Scaler scaler) => scaler.Desired);
        app.MapPost(SchedulerRoutes.ScaleWorkers, async (ScaleRequest request, JobManager jobs, Scaler scaler) =>
        {
            if (request.Workers is < 0 or > MostWorkers)
            {
                return Results.Problem($"{request.Workers} workers cannot be. Give 0 to {MostWorkers}, or null for the policy's own number.", statusCode: StatusCodes.Status400BadRequest);
            }

            await jobs.ScaleAsync(request.Workers);
            return Results.Ok(scaler.Desired);
        });
        app.MapPost(SchedulerRoutes.Drain("{worker}"), async (string worker, JobManager jobs) => await jobs.DrainAsync(worker)
            ? Results.Accepted()
            : Results.Problem($"There is no worker {worker}. GET {SchedulerRoutes.Workers} lists those there are.", statusCode: StatusCodes.Status404NotFound));
        app.MapGet(SchedulerRoutes.Workers, (Fleet fleet) => fleet.Workers);
    }

    private static async IAsyncEnumerable<SseItem<string>> Items(JobRun job, long from, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (JobEvent item in job.ReadAsync(from, cancellation))
        {
            yield return new SseItem<string>(JsonSerializer.Serialize(item, JsonSerializerOptions.Web), "job") { EventId = item.Number.ToString(System.Globalization.CultureInfo.InvariantCulture) };
        }
    }

    private static string? Problem(SubmitRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.JobId) || request.JobId.Length > 200 || request.JobId.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not '-' and not '_' and not '.'))
        {
            return $"jobId '{request.JobId}' is not made of letters, digits, '-', '_' and '.'. Choose another id.";
        }

        if (string.IsNullOrWhiteSpace(request.RunDirectory) || !Path.IsPathFullyQualified(request.RunDirectory))
        {
            return $"runDirectory '{request.RunDirectory}' is no absolute path. Give a folder that all services can reach.";
        }

        return string.IsNullOrEmpty(request.JobJson) ? "jobJson is missing. Send the job as canonical JSON." : null;
    }

    private static IResult With(JobManager jobs, string id, Func<JobRun, IResult> answer) => jobs.Find(id) is { } job ? answer(job) : Unknown(id);

    private static async Task<IResult> WithAsync(JobManager jobs, string id, Func<JobRun, Task<IResult>> answer) => jobs.Find(id) is { } job ? await answer(job) : Unknown(id);

    private static IResult Over(JobRun job) => Results.Problem($"Job {job.Id} is {JobWords.Of(job.State)}, which this does not go with.", statusCode: StatusCodes.Status409Conflict);

    private static IResult Unknown(string id) => Results.Problem($"There is no job {id}. GET {SchedulerRoutes.Jobs} lists those there are.", statusCode: StatusCodes.Status404NotFound);
}

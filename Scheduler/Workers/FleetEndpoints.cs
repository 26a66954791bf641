using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Api;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Scaling;

namespace Lockstep.Scheduler.Workers;

/// <summary>The part of the HTTP API that shows all there is at once; paths and bodies are those of <see cref="SchedulerRoutes"/>.</summary>
internal static class FleetEndpoints
{
    /// <summary>Between two looks whether something is other than it was told.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    /// <summary>After so many looks it is told again as it is: a reader that hears nothing for longer has lost the scheduler.</summary>
    private const int LooksBetweenSigns = 20;

    public static void MapFleet(this IEndpointRouteBuilder api)
    {
        api.MapGet(SchedulerRoutes.Fleet, Now).WithName("GetFleet").WithSummary("Jobs, workers and how many of them are wanted, at once.");
        api.MapGet(SchedulerRoutes.FleetEvents, (JobList jobs, Scaler scaler, Fleet fleet, TimeProvider time, CancellationToken cancellation) => TypedResults.ServerSentEvents(Changes(() => Now(jobs, scaler, fleet), time, cancellation)))
            .RequireRateLimiting(RateLimits.Streams).WithName("ReadFleetEvents").WithSummary("The same as server-sent events: now, whenever something changes, and every 5 s.")
            .Produces<FleetStatus>(StatusCodes.Status200OK, "text/event-stream");
    }

    private static FleetStatus Now(JobList jobs, Scaler scaler, Fleet fleet) => new(
        WorkerEndpoints.Desired(scaler, fleet),
        [.. jobs.InOrder.Select(job => new FleetJob(job.Status, job.Folder.Path, job.NewestStep is { } step && double.IsFinite(step.Loss) ? step.Loss : null, job.NewestStep?.Samples ?? 0))],
        fleet.Workers);

    private static async IAsyncEnumerable<SseItem<string>> Changes(Func<FleetStatus> now, TimeProvider time, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var looks = new PeriodicTimer(Look, time);
        string told = "";
        int unchanged = 0;
        do
        {
            string text = JsonSerializer.Serialize(now(), JsonSerializerOptions.Web);
            if (text != told || ++unchanged >= LooksBetweenSigns)
            {
                (told, unchanged) = (text, 0);
                yield return new SseItem<string>(text, "fleet");
            }
        }
        while (await looks.WaitForNextTickAsync(cancellation));
    }
}

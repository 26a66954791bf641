using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Scaling;

namespace Lockstep.Scheduler.Workers;

/// <summary>The part of the HTTP API that is about workers; paths and bodies are those of <see cref="SchedulerRoutes"/>.</summary>
internal static class WorkerEndpoints
{
    private const int MostWorkers = 10_000;

    public static void MapWorkers(this IEndpointRouteBuilder api)
    {
        api.MapGet(SchedulerRoutes.Workers, (Fleet fleet) => fleet.Workers).WithName("ListWorkers").WithSummary("The workers there are.");
        api.MapPost(SchedulerRoutes.Drain("{worker}"), Drain).WithName("DrainWorker").WithSummary("Let a worker hand in what it has in hand, and end.")
            .Produces(StatusCodes.Status202Accepted).ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet(SchedulerRoutes.DesiredWorkers, (Scaler scaler, Fleet fleet) => Desired(scaler, fleet)).WithName("GetDesiredWorkers").WithSummary("How many workers the jobs want now, and why.");
        api.MapPost(SchedulerRoutes.ScaleWorkers, ScaleAsync).WithName("ScaleWorkers").WithSummary("Say how many workers there shall be; null: as the policy decides.")
            .Produces<DesiredWorkers>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status413PayloadTooLarge).ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
    }

    private static IResult Drain(string worker, Staffing staffing) => staffing.Drain(worker)
        ? Results.Accepted()
        : Results.Problem($"There is no worker {worker}. GET {SchedulerRoutes.Workers} lists those there are.", statusCode: StatusCodes.Status404NotFound);

    private static async Task<IResult> ScaleAsync(ScaleRequest request, Staffing staffing, Scaler scaler, Fleet fleet)
    {
        if (request.Workers is < 0 or > MostWorkers)
        {
            return Results.Problem($"{request.Workers} workers cannot be. Give 0 to {MostWorkers}, or null for the policy's own number.", statusCode: StatusCodes.Status400BadRequest);
        }

        await staffing.ScaleAsync(request.Workers);
        return Results.Ok(Desired(scaler, fleet));
    }

    public static DesiredWorkers Desired(Scaler scaler, Fleet fleet)
    {
        ScalingDecision last = scaler.Last;
        return new(last.Desired, last.Reason) { Idle = fleet.Idlers };
    }
}

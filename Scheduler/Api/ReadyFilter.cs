using Lockstep.Scheduler.Jobs;

namespace Lockstep.Scheduler.Api;

/// <summary>Until the records of the scheduler before are read, no job can be told from one that does not exist.</summary>
internal sealed class ReadyFilter(JobManager jobs) : IEndpointFilter
{
    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (jobs.IsReady)
        {
            return next(context);
        }

        context.HttpContext.Response.Headers.RetryAfter = "1";
        return ValueTask.FromResult<object?>(Results.Problem("The scheduler is starting. Ask again in a second.", statusCode: StatusCodes.Status503ServiceUnavailable));
    }
}

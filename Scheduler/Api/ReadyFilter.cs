using Lockstep.Scheduler.Jobs;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Api;

/// <summary>Until the records of the scheduler before are read, no job can be told from one that does not exist; and while Redis is away nothing can be changed.</summary>
internal sealed class ReadyFilter(JobManager jobs, IConnectionMultiplexer redis) : IEndpointFilter
{
    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (!jobs.IsReady)
        {
            return Later(context, "The scheduler is starting. Ask again in a second.", "1");
        }

        return HttpMethods.IsGet(context.HttpContext.Request.Method) || redis.IsConnected
            ? next(context)
            : Later(context, "Redis cannot be reached, and nothing can be changed without it; what trains goes on. Ask again in a few seconds.", "5");
    }

    private static ValueTask<object?> Later(EndpointFilterInvocationContext context, string detail, string seconds)
    {
        context.HttpContext.Response.Headers.RetryAfter = seconds;
        return ValueTask.FromResult<object?>(Results.Problem(detail, statusCode: StatusCodes.Status503ServiceUnavailable));
    }
}

using Lockstep.Scheduler.Jobs;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Api;

/// <summary>Until the records of the scheduler before are read, no job can be told from one that does not exist; and while Redis is away nothing can be changed.</summary>
internal sealed class ReadyFilter(Term term, IConnectionMultiplexer redis, TimeProvider time) : IEndpointFilter
{
    /// <summary>How long Redis may take to answer at all.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (!term.IsReady)
        {
            return term.StandsBy
                ? Later(context, "Another scheduler is in charge, and this one stands by until it is gone. Ask that one; what trains goes on.", "5")
                : Later(context, "The scheduler is starting. Ask again in a second.", "1");
        }

        return HttpMethods.IsGet(context.HttpContext.Request.Method) || await AnswersAsync()
            ? await next(context)
            : Later(context, "Redis cannot be reached, and nothing can be changed without it; what trains goes on. Ask again in a few seconds.", "5");
    }

    /// <summary>Whether Redis is there. One that hangs has its connection all the same, and changes would wait for it.</summary>
    private async Task<bool> AnswersAsync()
    {
        try
        {
            return redis.IsConnected && await redis.GetDatabase().PingAsync().WaitAsync(Patience, time) >= TimeSpan.Zero;
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            return false;
        }
    }

    private static IResult Later(EndpointFilterInvocationContext context, string detail, string seconds)
    {
        context.HttpContext.Response.Headers.RetryAfter = seconds;
        return Results.Problem(detail, statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}

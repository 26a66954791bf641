using System.Globalization;
using System.Threading.RateLimiting;
using Lockstep.ServiceDefaults.Access;
using Microsoft.AspNetCore.RateLimiting;

namespace Lockstep.Scheduler.Api;

/// <summary>Limits how often one address may ask, right key or wrong. Calls of services and health checks are not limited.</summary>
internal static class RateLimits
{
    /// <summary>Policy of endpoints whose answers stream on.</summary>
    public const string Streams = "streams";

    private static readonly TimeSpan DefaultRetry = TimeSpan.FromSeconds(1);

    public static void AddRateLimits(this IServiceCollection services, ApiLimits limits) => services.AddRateLimiter(options =>
    {
        options.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => IsLimited(context)
            ? RateLimitPartition.GetTokenBucketLimiter(ClientOf(context), _ => Bucket(limits))
            : RateLimitPartition.GetNoLimiter(""));
        options.AddPolicy(Streams, context => RateLimitPartition.GetConcurrencyLimiter(ClientOf(context), _ => new ConcurrencyLimiterOptions { PermitLimit = limits.EventStreams }));
        options.OnRejected = async (rejected, _) =>
        {
            TimeSpan retry = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan known) ? known : DefaultRetry;
            rejected.HttpContext.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(retry.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            await Results.Problem("Too many requests come from this address. Wait as long as Retry-After says.", statusCode: StatusCodes.Status429TooManyRequests).ExecuteAsync(rejected.HttpContext);
        };
    });

    private static bool IsLimited(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<AccessRule>() is not { Need: AccessNeed.Secret or AccessNeed.Nothing };

    private static string ClientOf(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";

    private static TokenBucketRateLimiterOptions Bucket(ApiLimits limits)
    {
        const int Seconds = 60;
        int perSecond = limits.RequestsPerMinute / Seconds;
        return new TokenBucketRateLimiterOptions
        {
            TokenLimit = limits.Burst,
            TokensPerPeriod = Math.Max(1, perSecond),
            ReplenishmentPeriod = perSecond > 0 ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds((double)Seconds / limits.RequestsPerMinute),
        };
    }
}

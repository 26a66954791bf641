using System.Net;
using Lockstep.Contracts.Services;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;

namespace Lockstep.ServiceDefaults.Access;

/// <summary>Lets a request through to its endpoint only where the caller shows what the endpoint's <see cref="AccessRule"/> asks for.</summary>
internal sealed partial class AccessMiddleware(RequestDelegate next, AccessKeys keys, TimeProvider time, ILogger<AccessMiddleware> logger)
{
    private const int GrpcUnauthenticated = 16;

    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private long _logged;
    private int _refused;

    public Task InvokeAsync(HttpContext context)
    {
        AccessNeed need = context.GetEndpoint()?.Metadata.GetMetadata<AccessRule>()?.Need ?? AccessNeed.ApiKey;
        string header = need == AccessNeed.Secret ? ServiceHeaders.Secret : SchedulerHeaders.ApiKey;
        string? shown = context.Request.Headers[header];
        if (keys.Allow(need, shown, LocalCaller.IsLocal(context)))
        {
            return next(context);
        }

        Log(context);
        return need == AccessNeed.Secret || IsGrpc(context.Request) ? RefuseCall(context, need, shown) : RefuseRequest(context, shown);
    }

    private static bool IsGrpc(HttpRequest request) => request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true;

    private Task RefuseCall(HttpContext context, AccessNeed need, string? shown)
    {
        string detail = need != AccessNeed.Secret ? "There is no such method for services."
            : !keys.HasSecret ? $"Without {EnvironmentNames.Secret} only callers on the same machine are served. Set it to the same value for all services."
            : string.IsNullOrEmpty(shown) ? $"The call carries no secret. Set {EnvironmentNames.Secret} for the caller to the value that this service has."
            : $"The caller's {EnvironmentNames.Secret} is not this service's. Set it to the same value for all services.";
        // A gRPC error without a body is HTTP's success with the status among the headers.
        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-status"] = GrpcUnauthenticated.ToString(System.Globalization.CultureInfo.InvariantCulture);
        context.Response.Headers["grpc-message"] = Uri.EscapeDataString(detail);
        return Task.CompletedTask;
    }

    private Task RefuseRequest(HttpContext context, string? shown)
    {
        string detail = !keys.HasApiKey ? $"This service has no API key and serves programs on its own machine only, without a proxy between. Set {EnvironmentNames.ApiKey} where it is started and send its value in the header {SchedulerHeaders.ApiKey}."
            : string.IsNullOrEmpty(shown) ? $"The request carries no API key. Send the service's {EnvironmentNames.ApiKey} in the header {SchedulerHeaders.ApiKey}."
            : $"The API key in the header {SchedulerHeaders.ApiKey} is not this service's. Send the value of its {EnvironmentNames.ApiKey}.";
        context.Response.Headers[HeaderNames.WWWAuthenticate] = $"ApiKey header=\"{SchedulerHeaders.ApiKey}\"";
        return Results.Problem(detail, statusCode: StatusCodes.Status401Unauthorized).ExecuteAsync(context);
    }

    private void Log(HttpContext context)
    {
        int refused;
        lock (_gate)
        {
            _refused++;
            if (_logged != 0 && time.GetElapsedTime(_logged) < LogInterval)
            {
                return;
            }

            _logged = time.GetTimestamp();
            (refused, _refused) = (_refused, 0);
        }

        LogRefused(refused, context.Request.Method, context.Request.Path, context.Connection.RemoteIpAddress);
    }

    [LoggerMessage(911, LogLevel.Warning, "Refused {Count} requests without the key or secret since the last such line; the newest: {Method} {Path} from {Address}")]
    private partial void LogRefused(int count, string method, string path, IPAddress? address);
}

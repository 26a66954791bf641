using System.Text.Json;
using System.Text.RegularExpressions;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace Lockstep.Scheduler.Api;

/// <summary>Every error of the HTTP API is a ProblemDetails whose detail says what to do.</summary>
internal static partial class ApiErrors
{
    public static void AddApiErrors(this IServiceCollection services, ApiLimits limits)
    {
        // Thrown, so that the answer can say what of the request cannot be read.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddSingleton<IExceptionHandler>(new BadRequests(limits));
    }

    /// <summary>Of requests that no endpoint answered.</summary>
    public static void UseApiErrors(this WebApplication app, ApiLimits limits)
    {
        app.UseExceptionHandler();
        app.Use((context, following) => TakeUtf8(context.Request) ? following(context) : Results.Problem("The body is said to be in another encoding than UTF-8, which JSON has. Send it with Content-Type: application/json.", statusCode: StatusCodes.Status415UnsupportedMediaType).ExecuteAsync(context));
        app.UseStatusCodePages(context => Results.Problem(Detail(context.HttpContext.Response, limits), statusCode: context.HttpContext.Response.StatusCode).ExecuteAsync(context.HttpContext));
    }

    /// <summary>Leaves the name of the encoding out, where there is one: the framework fails on a name that it does not know, or that is quoted.</summary>
    /// <returns>False: it is another than UTF-8.</returns>
    private static bool TakeUtf8(HttpRequest request)
    {
        // What cannot be read is no media type that an endpoint takes.
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type) || !type.Charset.HasValue)
        {
            return true;
        }

        bool isUtf8 = HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase);
        type.Charset = default;
        request.ContentType = type.ToString();
        return isUtf8;
    }

    private static string Detail(HttpResponse response, ApiLimits limits) => response.StatusCode switch
    {
        StatusCodes.Status404NotFound => $"There is nothing at {response.HttpContext.Request.Path}. GET {SchedulerRoutes.OpenApi} describes what there is.",
        StatusCodes.Status405MethodNotAllowed => $"{response.HttpContext.Request.Method} does not go with {response.HttpContext.Request.Path}. Allowed: {response.Headers.Allow}.",
        StatusCodes.Status413PayloadTooLarge => TooLarge(limits),
        StatusCodes.Status415UnsupportedMediaType => "The body is no JSON. Send it with Content-Type: application/json.",
        var code => $"The request cannot be served ({code}). GET {SchedulerRoutes.OpenApi} describes what can.",
    };

    private static string TooLarge(ApiLimits limits) => $"The body has more than {limits.MaxBodyBytes} bytes. Send a smaller one, or set {ApiLimits.Section}__{nameof(ApiLimits.MaxBodyBytes)} where the scheduler is started.";

    private sealed partial class BadRequests(ApiLimits limits) : IExceptionHandler
    {
        public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
        {
            (int Status, string Detail)? answer = exception switch
            {
                InputException input => (StatusCodes.Status400BadRequest, input.Message),
                BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => (StatusCodes.Status413PayloadTooLarge, TooLarge(limits)),
                BadHttpRequestException { InnerException: JsonException { Path: { } at } json } bad when json.Message.Contains("could not be converted", StringComparison.Ordinal) =>
                    (bad.StatusCode, $"What the body has at {at} cannot be there. GET {SchedulerRoutes.OpenApi} describes what can."),
                BadHttpRequestException { InnerException: JsonException json } bad => (bad.StatusCode, $"The body cannot be read as JSON: {json.Message}"),
                BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } when BodyOf(httpContext) is { } body =>
                    (StatusCodes.Status400BadRequest, $"The body is empty, or null. Send a {body.Name} as JSON; GET {SchedulerRoutes.OpenApi} describes it."),
                BadHttpRequestException bad when Parameter().Match(bad.Message) is { Success: true } parameter =>
                    (bad.StatusCode, $"{parameter.Groups["name"].Value} is '{parameter.Groups["value"].Value}', which it cannot be. GET {SchedulerRoutes.OpenApi} describes what it may be."),
                BadHttpRequestException bad => (bad.StatusCode, bad.Message),
                _ => null,
            };
            if (answer is not var (status, detail))
            {
                return false;
            }

            await Results.Problem(detail, statusCode: status).ExecuteAsync(httpContext);
            return true;
        }

        /// <summary>The framework's own text, which names a type of .NET and no remedy.</summary>
        [GeneratedRegex("""^Failed to bind parameter "\S+ (?<name>\w+)" from "(?<value>.*)"\.$""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
        private static partial Regex Parameter();

        /// <returns>What the endpoint takes as its body, where it takes one. None of those has a parameter besides that could be wrong.</returns>
        private static Type? BodyOf(HttpContext context) => context.Features.Get<IExceptionHandlerFeature>()?.Endpoint?.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType;
    }
}

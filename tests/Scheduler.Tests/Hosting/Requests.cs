using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Scheduler.Tests.Hosting;

/// <summary>Requests that the tests send, and what they look for in the answers.</summary>
internal static class Requests
{
    private const string GrpcStatus = "grpc-status";

    /// <summary>gRPC's number for a caller that did not show who it is.</summary>
    public const string Unauthenticated = "16";

    /// <summary>A request for an endpoint, its parameters filled in.</summary>
    public static HttpRequestMessage To(RouteEndpoint endpoint, string method)
    {
        string path = string.Join('/', endpoint.RoutePattern.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part => part switch
        {
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal => literal.Content,
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternSeparatorPart separator => separator.Content,
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart { Name: "documentName" } => "v1",
            _ => "x",
        }))));
        return new HttpRequestMessage(new HttpMethod(method), "/" + path);
    }

    /// <summary>A gRPC call as it is on the wire, with an empty message.</summary>
    public static HttpRequestMessage Call(string path, string? secret)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Version = new Version(2, 0), VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(new byte[5]) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        if (secret is not null)
        {
            request.Headers.Add("lockstep-secret", secret);
        }

        return request;
    }

    /// <returns>gRPC's status, among the headers or at the end; null: the call goes on, or there is none.</returns>
    public static string? StatusOf(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues(GrpcStatus, out IEnumerable<string>? early) ? early.Single() : null;

    /// <summary>The detail of a ProblemDetails, which the answer must be.</summary>
    public static async Task<string> ProblemAsync(HttpResponseMessage answer, int status)
    {
        string body = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"{(int)answer.StatusCode} in place of {status}: {body}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        using JsonDocument problem = JsonDocument.Parse(body);
        Assert.Equal(status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.False(string.IsNullOrEmpty(problem.RootElement.GetProperty("title").GetString()));
        return problem.RootElement.GetProperty("detail").GetString()!;
    }

    public static JsonContent Json(object body) => JsonContent.Create(body, body.GetType(), options: JsonSerializerOptions.Web);
}

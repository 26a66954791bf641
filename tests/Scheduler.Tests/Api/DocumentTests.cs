using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Grpc.AspNetCore.Server;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Scheduler.Tests.Api;

public sealed class DocumentTests(EmbeddedGarnet redis)
{
    /// <summary>Of the host, not of the API.</summary>
    private static readonly string[] NotDescribed = ["/health", "/alive", "/metrics", "/openapi/{documentName}.json"];

    /// <summary>The page over the document, with what it loads.</summary>
    private const string Page = "/api";

    [Fact]
    public async Task The_document_describes_every_endpoint_and_the_key()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis);
        using HttpClient http = scheduler.Client();
        JsonNode document = (await http.GetFromJsonAsync<JsonNode>("/openapi/v1.json", Token))!;
        string[] described = [.. document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(operation => $"{operation.Key.ToUpperInvariant()} {path.Key}"))];
        string[] served = [.. scheduler.Endpoints.Where(e => e.Metadata.GetMetadata<GrpcMethodMetadata>() is null && !e.DisplayName!.StartsWith("gRPC", StringComparison.Ordinal) && !NotDescribed.Contains(e.RoutePattern.RawText) && !e.RoutePattern.RawText!.StartsWith(Page, StringComparison.Ordinal))
            .SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} {e.RoutePattern.RawText}"))];
        Assert.Contains("POST /jobs", served);
        Assert.Equal(served.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
        Assert.All(document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()), operation => Assert.False(string.IsNullOrEmpty(operation.Value!["summary"]?.ToString()), operation.Value!.ToJsonString()));
        Assert.Equal("X-Api-Key", document["components"]!["securitySchemes"]!["ApiKey"]!["name"]!.ToString());
        Assert.NotEmpty(document["security"]!.AsArray());
        Assert.Contains("running", document["components"]!["schemas"]!["JobState"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_opens_without_the_key_loads_nothing_from_elsewhere_and_reads_the_document()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, ("LOCKSTEP_API_KEY", "0123456789abcdef"));
        using HttpClient http = scheduler.Client();
        string page = await http.GetStringAsync(Page + "/", Token);
        Assert.Contains("openapi/v1.json", page, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", page, StringComparison.Ordinal);
        using HttpResponseMessage document = await http.GetAsync("/openapi/v1.json", Token);
        Assert.True(document.IsSuccessStatusCode);
        using HttpResponseMessage jobs = await http.GetAsync("/jobs", Token);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, jobs.StatusCode);
    }
}

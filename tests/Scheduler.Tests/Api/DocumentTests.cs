using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Grpc.AspNetCore.Server;
using Lockstep.Coordination.Tests.Servers;
using Lockstep.Scheduler.Tests.Hosting;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Scheduler.Tests.Api;

public sealed class DocumentTests(EmbeddedGarnet redis)
{
    /// <summary>Of the host, not of the API.</summary>
    private static readonly string[] NotDescribed = ["/health", "/alive", "/metrics", "/openapi/{documentName}.json"];

    [Fact]
    public async Task The_document_describes_every_endpoint_and_the_key()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis);
        using HttpClient http = scheduler.Client();
        JsonNode document = (await http.GetFromJsonAsync<JsonNode>("/openapi/v1.json", Token))!;
        string[] described = [.. document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(operation => $"{operation.Key.ToUpperInvariant()} {path.Key}"))];
        string[] served = [.. scheduler.Endpoints.Where(e => e.Metadata.GetMetadata<GrpcMethodMetadata>() is null && !e.DisplayName!.StartsWith("gRPC", StringComparison.Ordinal) && !NotDescribed.Contains(e.RoutePattern.RawText))
            .SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} {e.RoutePattern.RawText}"))];
        Assert.Contains("POST /jobs", served);
        Assert.Equal(served.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
        Assert.All(document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()), operation => Assert.False(string.IsNullOrEmpty(operation.Value!["summary"]?.ToString()), operation.Value!.ToJsonString()));
        Assert.Equal("X-Api-Key", document["components"]!["securitySchemes"]!["ApiKey"]!["name"]!.ToString());
        Assert.NotEmpty(document["security"]!.AsArray());
        Assert.Contains("running", document["components"]!["schemas"]!["JobState"]!.ToJsonString(), StringComparison.Ordinal);
    }
}

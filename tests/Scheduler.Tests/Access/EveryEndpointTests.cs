using Google.Protobuf.Reflection;
using Grpc.AspNetCore.Server;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Transport.Protos;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Scheduler.Tests.Access;

/// <summary>The endpoints come from the running services, the methods from the protocol's descriptors: a new one is tested without being listed here.</summary>
public sealed class EveryEndpointTests(EmbeddedGarnet redis)
{
    private static readonly string[] OpenToAll = ["/health", "/alive"];

    // The API's document and the page over it: they say what anybody may read, and nothing of jobs and workers.
    private static readonly string[] OpenFolders = ["/openapi/", "/api/"];

    public static TheoryData<string> Services => ["scheduler", "parameter server"];

    [Theory]
    [MemberData(nameof(Services))]
    public async Task No_endpoint_lets_anybody_in_from_elsewhere_where_no_key_is_configured(string service)
    {
        await using InProcessService server = await StartAsync(service);
        using HttpClient http = server.Client();
        http.DefaultRequestHeaders.Add(FakeRemoteAddress.Header, FakeRemoteAddress.Elsewhere);
        await foreach ((string name, HttpResponseMessage answer) in AskAllAsync(server, http))
        {
            Assert.Contains("LOCKSTEP_API_KEY", await RefusedAsync(name, answer), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task No_endpoint_lets_anybody_in_without_the_key_or_with_another_not_even_from_here(string service)
    {
        await using InProcessService server = await StartAsync(service, ("LOCKSTEP_API_KEY", InProcessService.Key));
        foreach (string? key in new[] { null, "", InProcessService.Key + "x", InProcessService.Key[1..], InProcessService.Secret })
        {
            using HttpClient http = server.Client(key);
            await foreach ((string name, HttpResponseMessage answer) in AskAllAsync(server, http))
            {
                Assert.Contains("X-Api-Key", await RefusedAsync(name, answer), StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Every_endpoint_lets_the_key_in_from_anywhere(string service)
    {
        await using InProcessService server = await StartAsync(service, ("LOCKSTEP_API_KEY", InProcessService.Key));
        using HttpClient http = server.Client(InProcessService.Key);
        http.DefaultRequestHeaders.Add(FakeRemoteAddress.Header, FakeRemoteAddress.Elsewhere);
        await foreach ((string name, HttpResponseMessage answer) in AskAllAsync(server, http))
        {
            Assert.True((int)answer.StatusCode != 401, name);
        }
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Health_is_open_to_everybody(string service)
    {
        await using InProcessService server = await StartAsync(service, ("LOCKSTEP_API_KEY", InProcessService.Key));
        using HttpClient http = server.Client();
        http.DefaultRequestHeaders.Add(FakeRemoteAddress.Header, FakeRemoteAddress.Elsewhere);
        foreach (string path in OpenToAll)
        {
            using HttpResponseMessage answer = await http.GetAsync(path, Token);
            Assert.True(answer.IsSuccessStatusCode, path);
        }
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Every_method_of_the_protocol_is_served_and_asks_for_the_secret(string service)
    {
        await using InProcessService server = await StartAsync(service, ("LOCKSTEP_SECRET", InProcessService.Secret), ("LOCKSTEP_API_KEY", InProcessService.Key));
        string[] methods = [.. ServiceOf(service).Methods.Select(method => $"/{method.Service.FullName}/{method.Name}")];
        Assert.Equal(methods.Order(StringComparer.Ordinal), server.Endpoints.Where(IsGrpcMethod).Select(e => "/" + e.RoutePattern.RawText!.TrimStart('/')).Order(StringComparer.Ordinal));
        using HttpClient http = server.GrpcClient();
        foreach (string method in methods)
        {
            foreach (string? secret in new[] { null, "", InProcessService.Secret + "x", InProcessService.Key })
            {
                Assert.True(await CallAsync(http, method, secret) == Requests.Unauthenticated, $"{method} with '{secret}'");
            }

            Assert.True(await CallAsync(http, method, InProcessService.Secret) != Requests.Unauthenticated, method);
        }
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task No_method_is_served_to_elsewhere_where_no_secret_is_configured(string service)
    {
        await using InProcessService server = await StartAsync(service);
        using HttpClient here = server.GrpcClient();
        using HttpClient elsewhere = server.GrpcClient();
        elsewhere.DefaultRequestHeaders.Add(FakeRemoteAddress.Header, FakeRemoteAddress.Elsewhere);
        foreach (MethodDescriptor method in ServiceOf(service).Methods)
        {
            string path = $"/{method.Service.FullName}/{method.Name}";
            Assert.True(await CallAsync(elsewhere, path, null) == Requests.Unauthenticated, path);
            Assert.True(await CallAsync(elsewhere, path, InProcessService.Secret) == Requests.Unauthenticated, path);
            Assert.True(await CallAsync(here, path, null) != Requests.Unauthenticated, path);
        }
    }

    [Fact]
    public async Task A_method_that_does_not_exist_tells_nothing_without_a_key()
    {
        await using InProcessService server = await StartAsync("scheduler", ("LOCKSTEP_SECRET", InProcessService.Secret), ("LOCKSTEP_API_KEY", InProcessService.Key));
        using HttpClient http = server.GrpcClient();
        Assert.Equal(Requests.Unauthenticated, await CallAsync(http, "/lockstep.v1.Scheduler/NoSuchMethod", null));
        Assert.Equal(Requests.Unauthenticated, await CallAsync(http, "/no.such/Service", null));
    }

    [Fact]
    public async Task The_secret_is_no_key_and_calls_of_services_do_not_open_the_api()
    {
        await using InProcessService server = await StartAsync("scheduler", ("LOCKSTEP_API_KEY", InProcessService.Key));
        using HttpClient http = server.GrpcClient();
        // Without a secret, services on this machine are let in: that must not let one pass for a service at the API.
        Assert.Equal(Requests.Unauthenticated, await CallAsync(http, "/jobs", null));
        Assert.Equal(Requests.Unauthenticated, await CallAsync(http, "/jobs", InProcessService.Secret));
    }

    private Task<InProcessService> StartAsync(string service, params (string Name, string Value)[] settings) => service == "scheduler"
        ? InProcessService.SchedulerAsync(redis, settings)
        : InProcessService.ParameterServerAsync(settings);

    private static ServiceDescriptor ServiceOf(string service) => (service == "scheduler" ? SchedulerReflection.Descriptor : ParameterServerReflection.Descriptor).Services.Single();

    private static bool IsGrpcMethod(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>() is not null;

    private static bool IsOpen(string route) => OpenToAll.Contains(route) || OpenFolders.Any(folder => $"/{route.Trim('/')}/".StartsWith(folder, StringComparison.Ordinal));

    private static async Task<string> RefusedAsync(string name, HttpResponseMessage answer)
    {
        Assert.True((int)answer.StatusCode == 401, $"{name}: {(int)answer.StatusCode}");
        Assert.NotEmpty(answer.Headers.WwwAuthenticate);
        return await Requests.ProblemAsync(answer, 401);
    }

    /// <summary>One request to each endpoint that is not gRPC's and not open, with each of its methods; and to a path that none has.</summary>
    private static async IAsyncEnumerable<(string Name, HttpResponseMessage Answer)> AskAllAsync(InProcessService server, HttpClient http)
    {
        RouteEndpoint[] endpoints = [.. server.Endpoints.Where(e => !IsGrpcMethod(e) && !IsOpen(e.RoutePattern.RawText!) && !e.DisplayName!.StartsWith("gRPC", StringComparison.Ordinal))];
        Assert.NotEmpty(endpoints);
        HttpRequestMessage[] requests =
        [
            .. endpoints.SelectMany(e => (e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]).Select(method => Requests.To(e, method))),
            new(HttpMethod.Get, "/no-such-path"),
            new(HttpMethod.Patch, "/jobs"),
        ];
        foreach (HttpRequestMessage request in requests)
        {
            using (request)
            {
                using HttpResponseMessage answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                yield return ($"{request.Method} {request.RequestUri}", answer);
            }
        }
    }

    private static async Task<string?> CallAsync(HttpClient http, string path, string? secret)
    {
        using HttpRequestMessage request = Requests.Call(path, secret);
        using HttpResponseMessage answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return Requests.StatusOf(answer);
    }
}

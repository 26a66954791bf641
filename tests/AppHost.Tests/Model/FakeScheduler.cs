using System.Collections.Concurrent;
using Aspire.Hosting.ApplicationModel;
using Lockstep.Contracts.Services;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Lockstep.AppHost.Tests;

/// <summary>An HTTP server on loopback that remembers what it is asked.</summary>
internal sealed class FakeScheduler : IAsyncDisposable
{
    private readonly WebApplication _server;

    private FakeScheduler(WebApplication server) => _server = server;

    public sealed record Call(string Method, string Path, string Body, string? Key);

    public ConcurrentQueue<Call> Calls { get; } = new();

    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _answer = "{}";
    private int _status = 200;

    /// <value>What it answers with; of the fleet it tells that so many workers are wanted.</value>
    public string Answer
    {
        get => _answer;
        set
        {
            _answer = value;
            Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        }
    }

    /// <value>With another than 200 streams end.</value>
    public int Status
    {
        get => _status;
        set
        {
            _status = value;
            Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        }
    }

    public static async Task<FakeScheduler> StartAsync(int status = 200, string answer = "{}")
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication server = builder.Build();
        var scheduler = new FakeScheduler(server) { Status = status, Answer = answer };
        server.Run(scheduler.AnswerAsync);
        await server.StartAsync(TestContext.Current.CancellationToken);
        return scheduler;
    }

    /// <summary>Gives the resource's endpoint this server's address, as the orchestrator would.</summary>
    public void TakeThePlaceOf(ProjectResource resource)
    {
        EndpointAnnotation http = resource.Annotations.OfType<EndpointAnnotation>().Single(e => e.Name == "http");
        http.AllocatedEndpoint = new AllocatedEndpoint(http, "127.0.0.1", new Uri(_server.Urls.Single()).Port);
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var body = new StreamReader(context.Request.Body);
        // As it was sent, before anything is unescaped.
        string target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        Calls.Enqueue(new(context.Request.Method, target, await body.ReadToEndAsync(context.RequestAborted), context.Request.Headers[SchedulerHeaders.ApiKey]));
        context.Response.StatusCode = Status;
        if (target == SchedulerRoutes.FleetEvents && Status == StatusCodes.Status200OK)
        {
            await TellAsync(context);
            return;
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(Answer, context.RequestAborted);
    }

    private async Task TellAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        while (Status == StatusCodes.Status200OK)
        {
            Task changed = _changed.Task;
            await context.Response.WriteAsync($"event: fleet\ndata: {{\"wanted\":{Answer},\"jobs\":[],\"workers\":[]}}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await changed.WaitAsync(context.RequestAborted);
        }
    }
}

using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lockstep.Overhead;

/// <summary>An OTLP endpoint that reads what it is sent and answers that all is well. It runs in this process, whose CPU time is not counted.</summary>
internal sealed class Drain : IAsyncDisposable
{
    // A gRPC message without content: not compressed, of no length.
    private static readonly byte[] Empty = new byte[5];

    private readonly WebApplication _app;
    private long _requests;
    private long _bytes;

    private Drain(WebApplication app) => _app = app;

    public Uri Endpoint => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
    public long Requests => Interlocked.Read(ref _requests);
    public long Bytes => Interlocked.Read(ref _bytes);

    public static async Task<Drain> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        var drain = new Drain(builder.Build());
        drain._app.Run(drain.AnswerAsync);
        await drain._app.StartAsync();
        return drain;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var buffer = new byte[64 << 10];
        for (int read; (read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0;)
        {
            Interlocked.Add(ref _bytes, read);
        }

        Interlocked.Increment(ref _requests);
        context.Response.ContentType = "application/grpc";
        context.Response.DeclareTrailer("grpc-status");
        await context.Response.Body.WriteAsync(Empty, context.RequestAborted);
        context.Response.AppendTrailer("grpc-status", "0");
    }
}

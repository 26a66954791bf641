using System.CommandLine;
using System.Net;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer;
using Lockstep.Transport.Grpc;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lockstep.SystemBenchmark.Network;

/// <summary>This program as a process that serves streams of workers without computing anything, and an echo beside. Prints its address; ends with its input.</summary>
internal static class WireServerCommand
{
    public const string Name = "wire-server";

    private static readonly Argument<long> Bytes = new("bytes");
    private static readonly Argument<int> Workers = new("workers");

    public static Command Create()
    {
        var command = new Command(Name) { Bytes, Workers };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var model = new WireModel(parsed.GetValue(Bytes));
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        // The services' settings lie in this folder too, and would have it listen where they do.
        builder.Configuration.Sources.Clear();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(model.Frames);
        builder.Services.AddSingleton<IShardHost>(new WireHost(model.Values, model.Ranges, parsed.GetValue(Workers)));
        builder.Services.AddGrpc();
        builder.Services.AddGrpcLimits();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        await using WebApplication app = builder.Build();
        app.MapGrpcService<ShardGrpcService>();
        app.MapGrpcService<EchoService>();
        await app.StartAsync(cancellation);
        Console.WriteLine(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        await Console.In.ReadToEndAsync(cancellation);
        return 0;
    }
}

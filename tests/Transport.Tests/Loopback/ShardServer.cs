using System.Net;
using Grpc.Net.Client;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Protos;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A real server on loopback, HTTP/2 without TLS, set up as the parameter server is.</summary>
internal sealed class ShardServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ErrorLog _errors;

    private readonly StreamTransport _transport;
    private readonly MemoryStepServer? _local;

    private ShardServer(WebApplication app, ErrorLog errors, StreamTransport transport)
    {
        (_app, _errors, _transport) = (app, errors, transport);
        _local = app.Services.GetService<MemoryStepServer>();
    }

    /// <value>What it logged as an error, with the exception.</value>
    public IReadOnlyList<string> Errors => _errors.Lines;

    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    /// <param name="port">0: any that is free.</param>
    /// <param name="transport">Of workers' streams, at both ends.</param>
    /// <param name="sockets">Where the socket of shared memory is made; null: any folder.</param>
    /// <param name="time">Of shared memory's streams; null: the system's.</param>
    public static async Task<ShardServer> StartAsync(IShardHost host, int port = 0, StreamTransport transport = StreamTransport.Grpc, string? sockets = null, TimeProvider? time = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        // The settings of a service that is tested lie beside the tests.
        builder.Configuration.Sources.Clear();
        var errors = new ErrorLog();
        builder.Logging.ClearProviders().AddProvider(errors).AddFilter(CallInterceptor.LibraryLog, LogLevel.None);
        builder.Services.AddSingleton(host);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<WaitsEnd>();
        if (transport != StreamTransport.Grpc)
        {
            builder.Services.AddSingleton(services => new MemoryStepServer(host, sockets ?? Path.GetTempPath(), null, time ?? TimeProvider.System, services.GetRequiredService<ILogger<MemoryStepServer>>(), services.GetRequiredService<WaitsEnd>()));
        }

        builder.Services.AddGrpc(options =>
        {
            options.Interceptors.Add<CallInterceptor>();
            options.MaxReceiveMessageSize = 64 << 20;
            options.MaxSendMessageSize = 64 << 20;
        });
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(1);
            kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(4);
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2);
        });
        WebApplication app = builder.Build();
        app.MapGrpcService<ShardGrpcService>();
        await app.StartAsync();
        return new ShardServer(app, errors, transport);
    }

    public GrpcShardClient Client(ILogger? logger = null) => new(Address, 0, TimeProvider.System, logger, transport: _transport);

    /// <summary>What a worker of the same host is told.</summary>
    public LocalReply Offer() => _local!.Offer();

    /// <summary>A client that knows the generated classes only.</summary>
    public ForeignClient Foreign() => new(GrpcChannel.ForAddress(Address, new GrpcChannelOptions { MaxReceiveMessageSize = null }));

    /// <summary>Calls that only wait end.</summary>
    public void EndWaits() => _app.Services.GetRequiredService<WaitsEnd>().Set();

    /// <summary>Drops all connections, as a server that dies.</summary>
    public Task KillAsync()
    {
        _local?.Dispose();
        return _app.StopAsync(new CancellationToken(canceled: true));
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        await _app.DisposeAsync();
    }
}

using Grpc.AspNetCore.Server;
using Lockstep.Transport.Grpc;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Lockstep.ParameterServer;

/// <summary>Windows, buffers, sizes and times that fit streams of workers: they carry megabytes at once, and nothing for as long as a step takes.</summary>
internal static class GrpcLimits
{
    public static void AddGrpcLimits(this IServiceCollection services) => services
        .Configure<GrpcServiceOptions>(Apply)
        .Configure<KestrelServerOptions>(Apply)
        .AddSingleton<IMemoryPoolFactory<byte>, LargeBlocks>();

    private static void Apply(GrpcServiceOptions options)
    {
        options.MaxReceiveMessageSize = GrpcChannels.MaximumMessage;
        options.MaxSendMessageSize = GrpcChannels.MaximumMessage;
    }

    private static void Apply(KestrelServerOptions kestrel)
    {
        // A worker's pushes and pulls come in messages of a megabyte.
        kestrel.Limits.Http2.InitialConnectionWindowSize = 4 << 20;
        kestrel.Limits.Http2.InitialStreamWindowSize = 2 << 20;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
        // A worker that is gone without a word is found within 5 s: what it had in hand is free then.
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(1);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(4);
        // A stream may be silent for as long as a step takes.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
    }
}

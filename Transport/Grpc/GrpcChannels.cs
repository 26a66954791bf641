using Grpc.Core;
using Grpc.Net.Client;
using Lockstep.Contracts.Services;

namespace Lockstep.Transport.Grpc;

/// <summary>Channels set up for messages of megabytes.</summary>
public static class GrpcChannels
{
    /// <summary>The largest message of a stream, at both ends, in bytes.</summary>
    public const int MaximumMessage = 64 << 20;

    /// <param name="address">http:// without TLS (HTTP/2 by prior knowledge) or https://.</param>
    /// <param name="secret">What the server asks of its callers; null or empty: none is sent.</param>
    public static GrpcChannel Create(Uri address, string? secret) => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        Credentials = Credentials(address, secret),
        // Without TLS the network is the launcher's own.
        UnsafeUseInsecureChannelCallCredentials = true,
        HttpHandler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            // It stays so: eng/packages/Lockstep.Worker.props says why.
            InitialHttp2StreamWindowSize = 1 << 20,
            // Who is gone without a word is found within 5 s.
            KeepAlivePingDelay = TimeSpan.FromSeconds(1),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(4),
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            // An address that swallows packets (a pod that is gone) must not hold a retry for minutes.
            ConnectTimeout = TimeSpan.FromSeconds(5),
            // A proxy from the environment has no business between these processes.
            UseProxy = false,
            // Spans belong to steps, not to calls: what a call belongs to is said in its metadata, and a span for each would cost more than it tells.
            ActivityHeadersPropagator = null,
        },
        // The channel's end is the end of its connections.
        DisposeHttpClient = true,
        MaxReceiveMessageSize = MaximumMessage,
        MaxSendMessageSize = MaximumMessage,
        // Ours is the retrying: it knows which calls are safe.
        MaxRetryAttempts = null,
        // The library's own pauses before it connects again, of 1 s and more, would come on top.
        InitialReconnectBackoff = TimeSpan.FromMilliseconds(50),
        MaxReconnectBackoff = TimeSpan.FromMilliseconds(250),
    });

    private static ChannelCredentials Credentials(Uri address, string? secret)
    {
        ChannelCredentials channel = address.Scheme == Uri.UriSchemeHttps ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure;
        return string.IsNullOrEmpty(secret) ? channel : ChannelCredentials.Create(channel, CallCredentials.FromInterceptor((_, metadata) =>
        {
            metadata.Add(ServiceHeaders.Secret, secret);
            return Task.CompletedTask;
        }));
    }
}

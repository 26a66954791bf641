using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>What somebody writes who has nothing but the .proto: generated classes with their own marshallers.</summary>
internal sealed class ForeignClient(GrpcChannel channel) : IDisposable
{
    private readonly CallInvoker _calls = channel.CreateCallInvoker();

    public AsyncClientStreamingCall<InitializeMessage, InitializeReply> Initialize() =>
        _calls.AsyncClientStreamingCall(MethodOf("Initialize", MethodType.ClientStreaming, InitializeMessage.Parser, InitializeReply.Parser), null, default);

    public AsyncClientStreamingCall<PushMessage, PushReply> Push() =>
        _calls.AsyncClientStreamingCall(MethodOf("Push", MethodType.ClientStreaming, PushMessage.Parser, PushReply.Parser), null, default);

    public AsyncServerStreamingCall<PullMessage> Pull(PullRequest request, CancellationToken cancellation) =>
        _calls.AsyncServerStreamingCall(MethodOf("Pull", MethodType.ServerStreaming, PullRequest.Parser, PullMessage.Parser), null, new CallOptions(cancellationToken: cancellation), request);

    public AsyncUnaryCall<AnnounceReply> Announce(AnnounceRequest request) =>
        _calls.AsyncUnaryCall(MethodOf("Announce", MethodType.Unary, AnnounceRequest.Parser, AnnounceReply.Parser), null, default, request);

    /// <summary>A push whose messages are any bytes.</summary>
    public AsyncClientStreamingCall<byte[], PushReply> PushBytes() =>
        _calls.AsyncClientStreamingCall(new Method<byte[], PushReply>(MethodType.ClientStreaming, "lockstep.v1.ParameterServer", "Push", Marshallers.Create(b => b, b => b), Of(PushReply.Parser)), null, default);

    public void Dispose() => channel.Dispose();

    private static Method<TRequest, TReply> MethodOf<TRequest, TReply>(string name, MethodType type, MessageParser<TRequest> request, MessageParser<TReply> reply)
        where TRequest : class, IMessage<TRequest>
        where TReply : class, IMessage<TReply> => new(type, "lockstep.v1.ParameterServer", name, Of(request), Of(reply));

    private static Marshaller<T> Of<T>(MessageParser<T> parser) where T : class, IMessage<T> => Marshallers.Create(m => m.ToByteArray(), parser.ParseFrom);
}

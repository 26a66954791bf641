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

    public AsyncDuplexStreamingCall<WorkerFrame, ShardFrame> Work() =>
        _calls.AsyncDuplexStreamingCall(MethodOf("Work", MethodType.DuplexStreaming, WorkerFrame.Parser, ShardFrame.Parser), null, default);

    public AsyncUnaryCall<AnnounceReply> Announce(AnnounceRequest request) =>
        _calls.AsyncUnaryCall(MethodOf("Announce", MethodType.Unary, AnnounceRequest.Parser, AnnounceReply.Parser), null, default, request);

    /// <summary>A worker's stream whose messages are any bytes.</summary>
    public AsyncDuplexStreamingCall<byte[], ShardFrame> WorkBytes() =>
        _calls.AsyncDuplexStreamingCall(new Method<byte[], ShardFrame>(MethodType.DuplexStreaming, "lockstep.v1.ParameterServer", "Work", Marshallers.Create(b => b, b => b), Of(ShardFrame.Parser)), null, default);

    public void Dispose() => channel.Dispose();

    private static Method<TRequest, TReply> MethodOf<TRequest, TReply>(string name, MethodType type, MessageParser<TRequest> request, MessageParser<TReply> reply)
        where TRequest : class, IMessage<TRequest>
        where TReply : class, IMessage<TReply> => new(type, "lockstep.v1.ParameterServer", name, Of(request), Of(reply));

    private static Marshaller<T> Of<T>(MessageParser<T> parser) where T : class, IMessage<T> => Marshallers.Create(m => m.ToByteArray(), parser.ParseFrom);
}

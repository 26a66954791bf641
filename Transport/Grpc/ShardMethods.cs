using Google.Protobuf;
using Grpc.Core;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Grpc;

/// <summary>The methods of parameter_server.proto.</summary>
internal static class ShardMethods
{
    private const string Service = "lockstep.v1.ParameterServer";

    public static readonly Method<OpenRequest, OpenReply> Open = Unary("Open", OpenRequest.Parser, OpenReply.Parser);
    public static readonly Method<TensorFrame, InitializeReply> Initialize = new(MethodType.ClientStreaming, Service, "Initialize", TensorMarshaller.Instance, Of(InitializeReply.Parser));
    public static readonly Method<JobRequest, DescribeReply> Describe = Unary("Describe", JobRequest.Parser, DescribeReply.Parser);
    public static readonly Method<TensorFrame, TensorFrame> Work = new(MethodType.DuplexStreaming, Service, "Work", TensorMarshaller.Instance, TensorMarshaller.Instance);
    public static readonly Method<LocalRequest, LocalReply> Local = Unary("Local", LocalRequest.Parser, LocalReply.Parser);
    public static readonly Method<InHandRequest, InHandReply> InHand = Unary("InHand", InHandRequest.Parser, InHandReply.Parser);
    public static readonly Method<ProgressRequest, ProgressReply> Progress = Unary("Progress", ProgressRequest.Parser, ProgressReply.Parser);
    public static readonly Method<WatchRequest, WatchReply> Watch = new(MethodType.ServerStreaming, Service, "Watch", Of(WatchRequest.Parser), Of(WatchReply.Parser));
    public static readonly Method<JobRequest, CloseReply> Close = Unary("Close", JobRequest.Parser, CloseReply.Parser);
    public static readonly Method<ClipFactorRequest, ClipFactorReply> ClipFactor = Unary("ClipFactor", ClipFactorRequest.Parser, ClipFactorReply.Parser);
    public static readonly Method<AnnounceRequest, AnnounceReply> Announce = Unary("Announce", AnnounceRequest.Parser, AnnounceReply.Parser);
    public static readonly Method<CheckpointPartRequest, CheckpointPartReply> CheckpointPart = Unary("CheckpointPart", CheckpointPartRequest.Parser, CheckpointPartReply.Parser);
    public static readonly Method<JobRequest, CheckpointReply> Checkpoint = Unary("Checkpoint", JobRequest.Parser, CheckpointReply.Parser);
    public static readonly Method<RestoreRequest, RestoreReply> Restore = Unary("Restore", RestoreRequest.Parser, RestoreReply.Parser);
    public static readonly Method<JobRequest, StatusReply> Status = Unary("Status", JobRequest.Parser, StatusReply.Parser);
    public static readonly Method<KeepRequest, KeepReply> Keep = Unary("Keep", KeepRequest.Parser, KeepReply.Parser);
    public static readonly Method<CheckpointsRequest, CheckpointsReply> Checkpoints = Unary("Checkpoints", CheckpointsRequest.Parser, CheckpointsReply.Parser);
    public static readonly Method<PresenceRequest, PresenceReply> Presence = new(MethodType.ServerStreaming, Service, "Presence", Of(PresenceRequest.Parser), Of(PresenceReply.Parser));

    private static Method<TRequest, TReply> Unary<TRequest, TReply>(string name, MessageParser<TRequest> request, MessageParser<TReply> reply)
        where TRequest : class, IMessage<TRequest>
        where TReply : class, IMessage<TReply> =>
        new(MethodType.Unary, Service, name, Of(request), Of(reply));

    private static Marshaller<T> Of<T>(MessageParser<T> parser) where T : class, IMessage<T> => Marshallers.Create(
        static (message, context) =>
        {
            context.SetPayloadLength(message.CalculateSize());
            message.WriteTo(context.GetBufferWriter());
            context.Complete();
        },
        context => parser.ParseFrom(context.PayloadAsReadOnlySequence()));
}

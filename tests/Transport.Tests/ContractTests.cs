using Google.Protobuf.Reflection;
using Grpc.Core;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Tests;

/// <summary>The methods that are bound by hand are those of the .proto.</summary>
public sealed class ContractTests
{
    [Fact]
    public void The_server_binds_what_the_proto_declares()
    {
        var binder = new Binder();
        ShardGrpcService.BindService(binder, null);

        ServiceDescriptor service = ParameterServerReflection.Descriptor.Services.Single();
        Assert.Equal(
            service.Methods.Select(m => (service.FullName, m.Name, TypeOf(m))).Order(),
            binder.Methods.Select(m => (m.ServiceName, m.Name, m.Type)).Order());
    }

    private static MethodType TypeOf(MethodDescriptor method) => (method.IsClientStreaming, method.IsServerStreaming) switch
    {
        (false, false) => MethodType.Unary,
        (true, false) => MethodType.ClientStreaming,
        (false, true) => MethodType.ServerStreaming,
        _ => MethodType.DuplexStreaming,
    };

    private sealed class Binder : ServiceBinderBase
    {
        public List<IMethod> Methods { get; } = [];

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) => Methods.Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler) => Methods.Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) => Methods.Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) => Methods.Add(method);
    }
}

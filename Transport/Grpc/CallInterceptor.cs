using Grpc.Core;
using Grpc.Core.Interceptors;
using Lockstep.Core.Protocol;
using Microsoft.Extensions.Logging;

namespace Lockstep.Transport.Grpc;

/// <summary>How a server's calls end: the server's side of <see cref="ProtocolErrors"/>, callers that went away, and errors that are the server's own. Register it with a log that leaves out <see cref="LibraryLog"/>.</summary>
public sealed partial class CallInterceptor(ILogger<CallInterceptor> logger) : Interceptor
{
    /// <summary>Where the library tells of calls that failed. It takes one whose caller broke off before it was read for an error of the method; those that are errors are logged here.</summary>
    public const string LibraryLog = "Grpc.AspNetCore.Server.ServerCallHandler";

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
        EndAsync(() => continuation(request, context), context);

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation) =>
        EndAsync(() => continuation(new CallerStream<TRequest>(requestStream, context), context), context);

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        EndAsync(() => Done(continuation(request, new CallerStreamWriter<TResponse>(responseStream, context), context)), context);

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        EndAsync(() => Done(continuation(new CallerStream<TRequest>(requestStream, context), new CallerStreamWriter<TResponse>(responseStream, context), context)), context);

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }

    private async Task<T> EndAsync<T>(Func<Task<T>> call, ServerCallContext context)
    {
        try
        {
            return await call();
        }
        catch (ProtocolException exception)
        {
            throw ProtocolErrors.ToRpc(exception);
        }
        catch (Exception exception) when (exception is not RpcException && !context.CancellationToken.IsCancellationRequested)
        {
            LogFailed(context.Method, exception);
            throw;
        }
    }

    [LoggerMessage(950, LogLevel.Error, "The call {Method} failed")]
    private partial void LogFailed(string method, Exception exception);
}

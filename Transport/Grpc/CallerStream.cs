using Grpc.Core;

namespace Lockstep.Transport.Grpc;

/// <summary>What a caller sends. That it goes away in the midst is told as a cancelled call: for the server's library it is an error of the method, where the connection fails before the call counts as aborted.</summary>
internal sealed class CallerStream<T>(IAsyncStreamReader<T> inner, ServerCallContext context) : IAsyncStreamReader<T>
{
    public T Current => inner.Current;

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        try
        {
            return await inner.MoveNext(cancellationToken);
        }
        catch (Exception exception) when (GoneCaller.IsCause(exception, context))
        {
            throw GoneCaller.Cancelled();
        }
    }
}

/// <summary>What a caller is sent, as <see cref="CallerStream{T}"/>.</summary>
internal sealed class CallerStreamWriter<T>(IServerStreamWriter<T> inner, ServerCallContext context) : IServerStreamWriter<T>
{
    public WriteOptions? WriteOptions
    {
        get => inner.WriteOptions;
        set => inner.WriteOptions = value;
    }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        try
        {
            await inner.WriteAsync(message, cancellationToken);
        }
        catch (Exception exception) when (GoneCaller.IsCause(exception, context))
        {
            throw GoneCaller.Cancelled();
        }
    }
}

file static class GoneCaller
{
    /// <summary>A stream fails as its connection does, or refuses to go on once the call is aborted.</summary>
    public static bool IsCause(Exception exception, ServerCallContext context) =>
        exception is IOException || (exception is InvalidOperationException && context.CancellationToken.IsCancellationRequested);

    public static RpcException Cancelled() => new(new Status(StatusCode.Cancelled, "The caller is gone."));
}

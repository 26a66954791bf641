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
        catch (Exception exception) when (GoneCaller.MayBeCause(exception, cancellationToken))
        {
            throw await GoneCaller.IsCauseAsync(exception, context) ? GoneCaller.Cancelled() : exception;
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
        catch (Exception exception) when (GoneCaller.MayBeCause(exception, cancellationToken))
        {
            throw await GoneCaller.IsCauseAsync(exception, context) ? GoneCaller.Cancelled() : exception;
        }
    }
}

file static class GoneCaller
{
    /// <summary>The connection tells its streams and the call one after the other.</summary>
    private static readonly TimeSpan UntilAborted = TimeSpan.FromSeconds(1);

    /// <summary>A stream fails as its connection does, or refuses to go on.</summary>
    public static bool MayBeCause(Exception exception, CancellationToken cancellation) =>
        exception is IOException or InvalidOperationException || (exception is OperationCanceledException && !cancellation.IsCancellationRequested);

    public static async Task<bool> IsCauseAsync(Exception exception, ServerCallContext context)
    {
        if (exception is not IOException)
        {
            await Task.Delay(UntilAborted, TimeProvider.System, context.CancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return exception is IOException || context.CancellationToken.IsCancellationRequested;
    }

    public static RpcException Cancelled() => new(new Status(StatusCode.Cancelled, "The caller is gone."));
}

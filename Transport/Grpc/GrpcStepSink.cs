using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Frames;

namespace Lockstep.Transport.Grpc;

/// <summary>A shard's way to one worker over gRPC.</summary>
internal sealed class GrpcStepSink(TimeProvider time) : IStepSink
{
    private static readonly WriteOptions MoreFollows = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Last = new();

    private readonly ShardOutgoing _waiting = new();
    private readonly SemaphoreSlim _more = new(0);

    public void Send(ShardMessage message)
    {
        _waiting.Add(message);
        _more.Release();
    }

    public void End(Exception? reason)
    {
        _waiting.End(reason);
        _more.Release();
    }

    /// <summary>Sends what comes, until the end.</summary>
    public async Task RunAsync(IServerStreamWriter<TensorFrame> writer, CancellationToken cancellation)
    {
        do
        {
            await _more.WaitAsync(cancellation);
            while (_waiting.Next(out bool isLast) is { } message)
            {
                try
                {
                    await WriteAsync(writer, message, isLast, cancellation);
                }
                finally
                {
                    message.Release();
                }
            }
        }
        while (!_waiting.TakeEnd());

        if (_waiting.Reason is { } reason)
        {
            throw reason;
        }
    }

    /// <summary>Lets go of what was not sent.</summary>
    public void Drop() => _waiting.Drop();

    private async Task WriteAsync(IServerStreamWriter<TensorFrame> writer, ShardMessage message, bool isLast, CancellationToken cancellation)
    {
        ReadOnlyMemory<float> values = message is TurnMessage { Version.Values: { } known } ? known : default;
        TensorFrame frame = message.ToFrame(time);
        int sent = 0;
        do
        {
            frame.Floats = values.Slice(sent, Math.Min(values.Length - sent, WireConversions.PieceElements));
            sent += frame.Floats.Length;
            writer.WriteOptions = isLast && sent == values.Length ? Last : MoreFollows;
            await writer.WriteAsync(frame, cancellation);
            (frame.Header, frame.Hints) = (null, default);
        }
        while (sent < values.Length);
    }
}

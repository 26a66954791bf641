using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Frames;
using Lockstep.Transport.Protos;

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
        TensorFrame frame = message.ToFrame(time);
        if (message is TurnMessage { Version: { Values: { } values, Runs: var runs } })
        {
            foreach (PulledRun run in runs)
            {
                for (int sent = 0; sent < run.Length;)
                {
                    frame.Floats = values.Slice(run.Offset + sent, Math.Min(run.Length - sent, WireConversions.PieceElements));
                    frame.IsRounded = run.IsRounded;
                    sent += frame.Floats.Length;
                    writer.WriteOptions = isLast && run.Offset + sent == values.Length ? Last : MoreFollows;
                    await writer.WriteAsync(frame, cancellation);
                    (frame.Header, frame.Hints) = (null, default);
                }
            }
        }

        if (frame.Header is not null)
        {
            writer.WriteOptions = isLast ? Last : MoreFollows;
            await writer.WriteAsync(frame, cancellation);
        }
    }
}

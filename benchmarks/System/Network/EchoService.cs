using Grpc.Core;
using Lockstep.Transport.Grpc;

namespace Lockstep.SystemBenchmark.Network;

/// <summary>The frames of a step with nothing around them: as many as a contribution has come up, and as many as a version has go down.</summary>
/// <remarks>The method is virtual because the gRPC server binds no other.</remarks>
[BindServiceMethod(typeof(EchoService), nameof(BindService))]
public class EchoService(EchoFrames frames)
{
    public static readonly Method<TensorFrame, TensorFrame> Method = new(MethodType.DuplexStreaming, "lockstep.benchmark.Echo", "Echo", TensorMarshaller.Instance, TensorMarshaller.Instance);

    /// <summary>Called by the server to learn the methods; the instance may be null.</summary>
    public static void BindService(ServiceBinderBase binder, EchoService? service) => binder.AddMethod(Method, service is null ? null : service.Echo);

    public virtual async Task Echo(IAsyncStreamReader<TensorFrame> requestStream, IServerStreamWriter<TensorFrame> responseStream, ServerCallContext context)
    {
        int taken = 0;
        await foreach (TensorFrame frame in requestStream.ReadAllAsync(context.CancellationToken))
        {
            frame.Dispose();
            if (++taken == frames.Down.Count)
            {
                taken = 0;
                await EchoFrames.WriteAsync(responseStream, frames.Down, context.CancellationToken);
            }
        }
    }
}

/// <summary>The frames of one contribution and of one version, as the step's own streams have them.</summary>
/// <param name="Up">Sums and what goes with them, a chunk each.</param>
/// <param name="Down">Values.</param>
public sealed record EchoFrames(IReadOnlyList<TensorFrame> Up, IReadOnlyList<TensorFrame> Down)
{
    private static readonly WriteOptions MoreFollows = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Last = new();

    public static async Task WriteAsync(IAsyncStreamWriter<TensorFrame> writer, IReadOnlyList<TensorFrame> frames, CancellationToken cancellation)
    {
        for (int i = 0; i < frames.Count; i++)
        {
            writer.WriteOptions = i == frames.Count - 1 ? Last : MoreFollows;
            await writer.WriteAsync(frames[i], cancellation);
        }
    }
}

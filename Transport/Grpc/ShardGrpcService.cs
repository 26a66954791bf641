using Google.Protobuf;
using Grpc.Core;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Frames;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Grpc;

/// <summary>parameter_server.proto over an <see cref="IShardHost"/>. Register it with <see cref="CallInterceptor"/>.</summary>
/// <remarks>The methods are virtual because the gRPC server binds no others.</remarks>
/// <param name="ends">Null: calls wait for as long as their callers do.</param>
/// <param name="local">Serves workers of the same host; null: nothing does.</param>
[BindServiceMethod(typeof(ShardGrpcService), nameof(BindService))]
public class ShardGrpcService(IShardHost host, TimeProvider time, WaitsEnd? ends = null, MemoryStepServer? local = null)
{
    /// <summary>What was reported before the end still goes out.</summary>
    private static readonly TimeSpan ReportsGrace = TimeSpan.FromMilliseconds(250);

    /// <summary>How long what was already said may wait for a worker that reads no more, once its stream ends.</summary>
    private static readonly TimeSpan UnreadGrace = TimeSpan.FromSeconds(5);

    /// <summary>Called by the server to learn the methods; the instance may be null.</summary>
    public static void BindService(ServiceBinderBase binder, ShardGrpcService? service)
    {
        binder.AddMethod(ShardMethods.Open, service is null ? null : service.Open);
        binder.AddMethod(ShardMethods.Initialize, service is null ? null : service.Initialize);
        binder.AddMethod(ShardMethods.Describe, service is null ? null : service.Describe);
        binder.AddMethod(ShardMethods.Work, service is null ? null : service.Work);
        binder.AddMethod(ShardMethods.Local, service is null ? null : service.Local);
        binder.AddMethod(ShardMethods.InHand, service is null ? null : service.InHand);
        binder.AddMethod(ShardMethods.Progress, service is null ? null : service.Progress);
        binder.AddMethod(ShardMethods.Watch, service is null ? null : service.Watch);
        binder.AddMethod(ShardMethods.Close, service is null ? null : service.Close);
        binder.AddMethod(ShardMethods.ClipFactor, service is null ? null : service.ClipFactor);
        binder.AddMethod(ShardMethods.Announce, service is null ? null : service.Announce);
        binder.AddMethod(ShardMethods.Checkpoint, service is null ? null : service.Checkpoint);
        binder.AddMethod(ShardMethods.CheckpointPart, service is null ? null : service.CheckpointPart);
        binder.AddMethod(ShardMethods.Restore, service is null ? null : service.Restore);
        binder.AddMethod(ShardMethods.Status, service is null ? null : service.Status);
        binder.AddMethod(ShardMethods.Keep, service is null ? null : service.Keep);
        binder.AddMethod(ShardMethods.Checkpoints, service is null ? null : service.Checkpoints);
        binder.AddMethod(ShardMethods.Presence, service is null ? null : service.Presence);
    }

    public virtual async Task<OpenReply> Open(OpenRequest request, ServerCallContext context) =>
        new() { NeedsValues = await host.OpenAsync(WireConversions.Descriptor(request.DescriptorJson), context.CancellationToken) };

    public virtual async Task<InitializeReply> Initialize(IAsyncStreamReader<TensorFrame> requestStream, ServerCallContext context)
    {
        string? jobId = null;
        float[] values = [];
        int filled = 0;
        await foreach (TensorFrame frame in requestStream.ReadAllAsync(context.CancellationToken))
        {
            using (frame)
            {
                jobId ??= WireConversions.Header(frame, InitializeHeader.Parser).JobId;
                if (frame.Floats.Length > values.Length - filled)
                {
                    Array.Resize(ref values, Math.Max(filled + frame.Floats.Length, 2 * filled));
                }

                frame.Floats.Span.CopyTo(values.AsSpan(filled));
                filled += frame.Floats.Length;
            }
        }

        if (jobId is null)
        {
            throw new ProtocolException(ProtocolError.Invalid, "Initial values came without any message.");
        }

        await host.InitializeAsync(jobId, values.AsMemory(0, filled), context.CancellationToken);
        return new InitializeReply();
    }

    public virtual Task<DescribeReply> Describe(JobRequest request, ServerCallContext context) =>
        Task.FromResult(new DescribeReply { DescriptorJson = host.Describe(request.JobId) is { } descriptor ? UnsafeByteOperations.UnsafeWrap(descriptor.ToJson()) : ByteString.Empty });

    public virtual async Task Work(IAsyncStreamReader<TensorFrame> requestStream, IServerStreamWriter<TensorFrame> responseStream, ServerCallContext context)
    {
        using var abort = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, Ends);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(abort.Token);
        var sink = new GrpcStepSink(time);
        try
        {
            Task writing = sink.RunAsync(responseStream, abort.Token);
            Task reading = ReadAsync(requestStream, sink, stop.Token);
            Task first = await Task.WhenAny(reading, writing);
            // A write that is cancelled resets the call, and the worker would never learn why it ended.
            sink.End(null);
            abort.CancelAfter(UnreadGrace);
            await stop.CancelAsync();
            await Task.WhenAll(reading, writing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await first;
        }
        catch (OperationCanceledException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, Ends.IsCancellationRequested ? "The parameter server is going down." : "The worker is gone."));
        }
        finally
        {
            sink.Drop();
        }
    }

    public virtual Task<LocalReply> Local(LocalRequest request, ServerCallContext context) =>
        Task.FromResult(local?.Offer() ?? new LocalReply { Missing = "the parameter server shares no memory" });

    public virtual Task<InHandReply> InHand(InHandRequest request, ServerCallContext context)
    {
        AbandonedSlots? slots = host.InHand(request.JobId, request.WorkerId);
        return Task.FromResult(slots is { } left ? new InHandReply { Cursor = left.Cursor.ToWire(), Slot = left.Slot, Freed = left.Freed } : new InHandReply());
    }

    public virtual async Task<ProgressReply> Progress(ProgressRequest request, ServerCallContext context)
    {
        await host.ProgressAsync(request.JobId, new ShardProgress(request.Shard, request.Cursor.FromWire(), [.. request.Missing]), context.CancellationToken);
        return new ProgressReply();
    }

    public virtual async Task Watch(WatchRequest request, IServerStreamWriter<WatchReply> responseStream, ServerCallContext context)
    {
        using var late = new CancellationTokenSource();
        using CancellationTokenRegistration last = Ends.Register(() => late.CancelAfter(ReportsGrace));
        await WaitAsync(
            async stop =>
            {
                await foreach (StepReport report in host.WatchAsync(request.JobId, request.From, stop))
                {
                    await responseStream.WriteAsync(new WatchReply { ReportJson = UnsafeByteOperations.UnsafeWrap(report.ToJson()) }, stop);
                }

                return true;
            },
            context,
            late.Token);
    }

    public virtual async Task<CloseReply> Close(JobRequest request, ServerCallContext context)
    {
        await host.CloseAsync(request.JobId, context.CancellationToken);
        return new CloseReply();
    }

    public virtual async Task<ClipFactorReply> ClipFactor(ClipFactorRequest request, ServerCallContext context) =>
        new() { Factor = await host.ClipFactorAsync(request.JobId, request.Cursor.FromWire(), request.Shard, [.. request.BlockSquares], context.CancellationToken) };

    public virtual async Task<AnnounceReply> Announce(AnnounceRequest request, ServerCallContext context)
    {
        bool keepsNext = await host.AnnounceAsync(request.JobId, request.FromWire(), context.CancellationToken);
        return new AnnounceReply { KeepNext = keepsNext };
    }

    public virtual async Task<CheckpointPartReply> CheckpointPart(CheckpointPartRequest request, ServerCallContext context)
    {
        await host.CheckpointPartAsync(request.JobId, request.FromWire(), context.CancellationToken);
        return new CheckpointPartReply();
    }

    public virtual async Task<CheckpointReply> Checkpoint(JobRequest request, ServerCallContext context) =>
        new() { Version = await host.CheckpointAsync(request.JobId, context.CancellationToken) };

    public virtual async Task<RestoreReply> Restore(RestoreRequest request, ServerCallContext context)
    {
        // Half a restoration helps nobody: once begun it ends, whether the caller waits for it or not.
        await host.RestoreAsync(WireConversions.Descriptor(request.DescriptorJson), request.Term, request.Generation, request.HasVersion ? request.Version : null, CancellationToken.None);
        return new RestoreReply();
    }

    public virtual Task<StatusReply> Status(JobRequest request, ServerCallContext context) => Task.FromResult(host.Status(request.JobId).ToWire());

    public virtual async Task<KeepReply> Keep(KeepRequest request, ServerCallContext context) => new() { IsThere = await host.KeepAsync(request.JobId, request.Version) };

    public virtual Task<CheckpointsReply> Checkpoints(CheckpointsRequest request, ServerCallContext context)
    {
        CheckpointInventory inventory = host.Checkpoints(WireConversions.Descriptor(request.DescriptorJson));
        return Task.FromResult(new CheckpointsReply { Versions = { inventory.Versions }, Generation = inventory.Generation });
    }

    public virtual async Task Presence(PresenceRequest request, IServerStreamWriter<PresenceReply> responseStream, ServerCallContext context)
    {
        await responseStream.WriteAsync(new PresenceReply { Incarnation = host.Incarnation }, context.CancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, Ends);
        await Task.Delay(Timeout.Infinite, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ReadAsync(IAsyncStreamReader<TensorFrame> stream, GrpcStepSink sink, CancellationToken cancellation)
    {
        using var frames = new WorkerFrames(host, sink);
        bool isBegun = false;
        while (await stream.MoveNext(cancellation))
        {
            isBegun = true;
            using TensorFrame frame = stream.Current;
            frames.Take(frame);
        }

        if (!isBegun)
        {
            throw WireConversions.Invalid("the stream has no message");
        }
    }

    private CancellationToken Ends => ends?.Token ?? CancellationToken.None;

    private Task<T> WaitAsync<T>(Func<CancellationToken, Task<T>> wait, ServerCallContext context) => WaitAsync(wait, context, Ends);

    /// <summary>Waits as long as the caller does and this server is there.</summary>
    private static async Task<T> WaitAsync<T>(Func<CancellationToken, Task<T>> wait, ServerCallContext context, CancellationToken end)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, end);
        try
        {
            return await wait(stop.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The parameter server is going down."));
        }
    }
}

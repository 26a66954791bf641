using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Protos;
using Microsoft.Extensions.Logging;
using Cursor = Lockstep.Core.Protocol.Cursor;

namespace Lockstep.Transport.Grpc;

/// <summary>A shard over gRPC. Calls are repeated on a broken connection until cancelled; the protocol makes that safe.</summary>
public sealed class GrpcShardClient : IShardWork, IShardControl, IShardFeed, IShardPeer
{
    /// <summary>How long after a broken write the server's reason may be on its way.</summary>
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(1);

    private readonly GrpcChannel _channel;
    private readonly CallInvoker _calls;
    private readonly Retry _retry;
    private readonly TimeProvider _time;
    // Of the streams of the one who works: one after the other.
    private StreamProgress? _working;
    private readonly LocalPath _local;

    /// <param name="address">http:// without TLS (HTTP/2 by prior knowledge) or https://.</param>
    /// <param name="logger">Is told when the shard goes out of reach; null: nobody is.</param>
    /// <param name="secret">Of the fleet; null or empty: none.</param>
    /// <param name="leave">The caller is going: it does not wait for a shard that is out of reach any more.</param>
    /// <param name="transport">Of a worker's streams.</param>
    public GrpcShardClient(Uri address, int shard, TimeProvider time, ILogger? logger = null, string? secret = null, CancellationToken leave = default, StreamTransport transport = StreamTransport.Grpc)
    {
        Shard = shard;
        _local = new LocalPath(transport, $"Shard {shard} at {address}", logger);
        _time = time;
        _channel = GrpcChannels.Create(address, secret);
        _calls = _channel.CreateCallInvoker();
        _retry = new Retry($"Shard {shard} at {address}", time, logger, leave);
    }

    public int Shard { get; }

    public string Path { get; private set; } = "grpc";

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => _retry.RunAsync(async token =>
        (await UnaryAsync(ShardMethods.Open, new OpenRequest { DescriptorJson = UnsafeByteOperations.UnsafeWrap(descriptor.ToJson()) }, token)).NeedsValues, cancellation);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => _retry.RunAsync(async token =>
    {
        using var call = _calls.AsyncClientStreamingCall(ShardMethods.Initialize, null, new CallOptions(cancellationToken: token));
        int sent = 0;
        do
        {
            int length = Math.Min(values.Length - sent, WireConversions.PieceElements);
            await WriteAsync(call.RequestStream, call.ResponseAsync, new TensorFrame { Header = sent == 0 ? new InitializeHeader { JobId = jobId } : null, Floats = values.Slice(sent, length) });
            sent += length;
        }
        while (sent < values.Length && !call.ResponseAsync.IsCompleted);
        await CompleteAsync(call.RequestStream, call.ResponseAsync);
        return await call.ResponseAsync;
    }, cancellation);

    public Task<JobDescriptor?> DescribeAsync(string jobId, CancellationToken cancellation) => _retry.RunAsync(async token =>
    {
        DescribeReply reply = await UnaryAsync(ShardMethods.Describe, new JobRequest { JobId = jobId }, token);
        return reply.DescriptorJson.IsEmpty ? null : JobDescriptor.FromJson(reply.DescriptorJson.Span);
    }, cancellation);

    public async Task WorkAsync(string jobId, string workerId, IStepReceiver receiver, CancellationToken cancellation)
    {
        StreamProgress progress = _working ??= new StreamProgress(_retry.Begin());
        receiver = progress.Watch(receiver);
        try
        {
            if (await _local.ConnectAsync(() => UnaryAsync(ShardMethods.Local, new LocalRequest(), cancellation)) is { } local)
            {
                Path = "memory";
                await WorkLocallyAsync(local.Socket, local.Token, jobId, workerId, receiver, progress, cancellation);
            }
            else
            {
                Path = "grpc";
                await GrpcStepStream.RunAsync(_calls, Shard, jobId, workerId, receiver, progress.Answered, _time, cancellation);
            }
        }
        catch (RpcException exception)
        {
            await progress.WaitAsync(exception, cancellation);
        }
    }

    public Task<AbandonedSlots?> InHandAsync(string jobId, string workerId, CancellationToken cancellation) => _retry.RunAsync(async token =>
    {
        InHandReply reply = await UnaryAsync(ShardMethods.InHand, new InHandRequest { JobId = jobId, WorkerId = workerId }, token);
        return reply.Cursor is null ? default(AbandonedSlots?) : new AbandonedSlots(reply.Cursor.FromWire(), reply.Slot, reply.Freed);
    }, cancellation);

    public async IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long next = from;
        var backOff = _retry.Begin();
        while (true)
        {
            using var call = _calls.AsyncServerStreamingCall(ShardMethods.Watch, null, new CallOptions(cancellationToken: cancellation), new WatchRequest { JobId = jobId, From = next });
            while (true)
            {
                StepReport? report = null;
                bool broken = false;
                try
                {
                    if (await call.ResponseStream.MoveNext(cancellation))
                    {
                        report = StepReport.FromJson(call.ResponseStream.Current.ReportJson.Span);
                    }
                }
                catch (RpcException exception)
                {
                    await backOff.WaitAsync(exception, cancellation);
                    broken = true;
                }

                if (broken)
                {
                    break;
                }

                if (report is null)
                {
                    yield break;
                }

                backOff.Succeeded();
                next++;
                yield return report;
            }
        }
    }

    public Task CloseAsync(string jobId, CancellationToken cancellation) => _retry.RunAsync(token => UnaryAsync(ShardMethods.Close, new JobRequest { JobId = jobId }, token), cancellation);

    public Task<double> ClipFactorAsync(string jobId, Cursor cursor, int shard, double[] blockSquares, CancellationToken cancellation) => _retry.RunAsync(async token =>
        (await UnaryAsync(ShardMethods.ClipFactor, new ClipFactorRequest { JobId = jobId, Cursor = cursor.ToWire(), Shard = shard, BlockSquares = { blockSquares } }, token)).Factor, cancellation);

    public Task<bool> AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation) => _retry.RunAsync(async token =>
        (await UnaryAsync(ShardMethods.Announce, announcement.ToWire(jobId), token)).KeepNext, cancellation);

    public Task ProgressAsync(string jobId, ShardProgress progress, CancellationToken cancellation) => _retry.RunAsync(
        token => UnaryAsync(ShardMethods.Progress, new ProgressRequest { JobId = jobId, Shard = progress.Shard, Cursor = progress.Cursor.ToWire(), Missing = { progress.Missing } }, token), cancellation);

    public Task CheckpointPartAsync(string jobId, CheckpointNotice notice, CancellationToken cancellation) =>
        _retry.RunAsync(token => UnaryAsync(ShardMethods.CheckpointPart, notice.ToWire(jobId), token), cancellation);

    public Task<long> CheckpointAsync(string jobId, CancellationToken cancellation) => _retry.RunAsync(async token =>
        (await UnaryAsync(ShardMethods.Checkpoint, new JobRequest { JobId = jobId }, token)).Version, cancellation);

    public Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation) => _retry.RunAsync(token =>
    {
        var request = new RestoreRequest { DescriptorJson = UnsafeByteOperations.UnsafeWrap(descriptor.ToJson()), Term = term, Generation = generation };
        if (version is { } known)
        {
            request.Version = known;
        }

        return UnaryAsync(ShardMethods.Restore, request, token);
    }, cancellation);

    public Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation) => _retry.RunAsync(async token =>
        (await UnaryAsync(ShardMethods.Status, new JobRequest { JobId = jobId }, token)).FromWire(), cancellation);

    public Task<bool> KeepAsync(string jobId, long version, CancellationToken cancellation) => _retry.RunAsync(async token =>
        (await UnaryAsync(ShardMethods.Keep, new KeepRequest { JobId = jobId, Version = version }, token)).IsThere, cancellation);

    public Task<CheckpointInventory> CheckpointsAsync(JobDescriptor descriptor, CancellationToken cancellation) => _retry.RunAsync(async token =>
    {
        CheckpointsReply reply = await UnaryAsync(ShardMethods.Checkpoints, new CheckpointsRequest { DescriptorJson = UnsafeByteOperations.UnsafeWrap(descriptor.ToJson()) }, token);
        return new CheckpointInventory([.. reply.Versions], reply.Generation);
    }, cancellation);

    public async IAsyncEnumerable<ShardPresence> PresenceAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        string? reached = null;
        var backOff = _retry.Begin();
        while (true)
        {
            using var call = _calls.AsyncServerStreamingCall(ShardMethods.Presence, null, new CallOptions(cancellationToken: cancellation), new PresenceRequest());
            RpcException? failure = null;
            while (failure is null)
            {
                string? incarnation = null;
                try
                {
                    incarnation = await call.ResponseStream.MoveNext(cancellation)
                        ? call.ResponseStream.Current.Incarnation
                        : throw new RpcException(new Status(StatusCode.Unavailable, $"Shard {Shard} is going down."));
                }
                catch (RpcException exception)
                {
                    failure = exception;
                }

                if (incarnation is not null)
                {
                    backOff.Succeeded();
                    reached = incarnation;
                    yield return new ShardPresence(true, incarnation);
                }
            }

            cancellation.ThrowIfCancellationRequested();
            if (reached is not null)
            {
                yield return new ShardPresence(false, reached);
                reached = null;
            }

            await backOff.WaitAsync(failure, cancellation);
        }
    }

    public ValueTask DisposeAsync()
    {
        _channel.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task WorkLocallyAsync(LocalSocket socket, byte[] token, string jobId, string workerId, IStepReceiver receiver, StreamProgress progress, CancellationToken cancellation)
    {
        bool isOpen = false;
        try
        {
            await MemoryStepStream.RunAsync(socket, token, Shard, jobId, workerId, receiver, Opened, _time, cancellation);
        }
        catch (RpcException exception) when (!cancellation.IsCancellationRequested && exception.StatusCode == StatusCode.Unknown)
        {
            _local.Failed(exception);
            throw;
        }
        catch (RpcException exception) when (!cancellation.IsCancellationRequested && !isOpen)
        {
            _local.NotOpened(exception);
            throw;
        }

        void Opened()
        {
            isOpen = true;
            _local.Opened();
            progress.Answered();
        }
    }

    private async Task<TReply> UnaryAsync<TRequest, TReply>(Method<TRequest, TReply> method, TRequest request, CancellationToken cancellation)
        where TRequest : class
        where TReply : class
    {
        using AsyncUnaryCall<TReply> call = _calls.AsyncUnaryCall(method, null, new CallOptions(cancellationToken: cancellation), request);
        return await call.ResponseAsync;
    }

    // A server that refuses ends the call while we still write; its answer says why, the broken write does not.
    private Task WriteAsync<TReply>(IClientStreamWriter<TensorFrame> stream, Task<TReply> response, TensorFrame frame) => SendAsync(() => stream.WriteAsync(frame), response);

    private Task CompleteAsync<TReply>(IClientStreamWriter<TensorFrame> stream, Task<TReply> response) => SendAsync(stream.CompleteAsync, response);

    private async Task SendAsync<TReply>(Func<Task> send, Task<TReply> response)
    {
        Task sending = send();
        // A write that waits for room at a server that is gone may wait for ever; the answer breaks off.
        await Task.WhenAny(sending, response);
        if (!sending.IsCompleted)
        {
            _ = sending.ContinueWith(static task => _ = task.Exception, TaskScheduler.Default);
            await response;
            return;
        }

        try
        {
            await sending;
        }
        catch (Exception exception) when (exception is RpcException or InvalidOperationException or IOException or HttpRequestException)
        {
            await Task.WhenAny(response, Task.Delay(AnswerPatience, _time));
            if (!response.IsCompleted)
            {
                // Nobody refused: the message never left, and no answer comes. The second is what a server causes that goes down between two messages.
                if (exception is IOException or HttpRequestException)
                {
                    throw new RpcException(new Status(StatusCode.Unavailable, exception.Message, exception));
                }

                throw;
            }

            await response;
        }
    }
}

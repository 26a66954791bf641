using System.Diagnostics;
using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tracing;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Grpc;

/// <summary>What comes in on one worker's stream. Another one each call.</summary>
internal sealed class WorkerStream(IShardHost host, IStepSink sink)
{
    /// <summary>More versions than a worker can hold.</summary>
    private const int MostHeld = 16;

    private IPushSession? _push;
    private Activity? _span;
    private int _chunksLeft;

    /// <summary>Reads to the end of the stream.</summary>
    /// <exception cref="ProtocolException">What came does not fit the job, or is no such message.</exception>
    public async Task ReadAsync(IAsyncStreamReader<TensorFrame> frames, CancellationToken cancellation)
    {
        if (!await frames.MoveNext(cancellation))
        {
            throw WireConversions.Invalid("the stream has no message");
        }

        StepHello hello;
        using (TensorFrame first = frames.Current)
        {
            Hello said = WireConversions.Header(first, WorkerHeader.Parser).Hello ?? throw WireConversions.Invalid("the stream does not begin with a hello");
            hello = new StepHello(said.JobId, said.WorkerId, [.. said.Held.Take(MostHeld).Select(c => c.FromWire())]);
        }

        using IStepSession session = host.Attach(hello, sink);
        try
        {
            while (await frames.MoveNext(cancellation))
            {
                using TensorFrame frame = frames.Current;
                Take(frame, session, hello);
            }
        }
        finally
        {
            EndPush();
        }
    }

    private void Take(TensorFrame frame, IStepSession session, StepHello hello)
    {
        if (!frame.HeaderBytes.IsEmpty)
        {
            WorkerHeader header = WireConversions.Header(frame, WorkerHeader.Parser);
            if (header.FromWire() is { } message)
            {
                session.Receive(message);
                return;
            }

            BeginPush(header.Contribution ?? throw WireConversions.Invalid("it says nothing that is known here"), session, hello);
        }

        IPushSession push = _push ?? throw WireConversions.Invalid("a chunk came without a contribution");
        if (frame.Index > 0)
        {
            push.Add(new ChunkSum(frame.Index - 1, frame.Integers, frame.Escapes, frame.Exponents));
            _chunksLeft--;
        }

        if (_chunksLeft <= 0)
        {
            PushResult result = push.Complete();
            _span?.SetTag("lockstep.push.status", result.Status.ToString());
            EndPush();
        }
    }

    private void BeginPush(ContributionHeader header, IStepSession session, StepHello hello)
    {
        if (_push is not null)
        {
            throw WireConversions.Invalid($"a contribution began with {_chunksLeft} chunks of the one before to come");
        }

        Contribution contribution = header.FromWire(hello);
        _span = ShardSpans.Push(TraceContext.Parse(header.TraceParent));
        ShardSpans.Describe(_span, contribution);
        _chunksLeft = header.Chunks;
        _push = session.BeginPush(header.Push, contribution);
    }

    private void EndPush()
    {
        _push?.Dispose();
        _push = null;
        _span?.Dispose();
        _span = null;
    }
}

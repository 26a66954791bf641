using System.Diagnostics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tracing;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;
using Lockstep.Transport.Protos;

namespace Lockstep.Transport.Frames;

/// <summary>The way from one worker's frames into the shard. Another one each stream; disposing it says that the stream ended.</summary>
/// <param name="inbox">Where placed sums are looked up; null: the stream shares no memory.</param>
internal sealed class WorkerFrames(IShardHost host, IStepSink sink, Inbox? inbox = null) : IDisposable
{
    /// <summary>More versions than a worker can hold.</summary>
    private const int MostHeld = 16;

    private StepHello? _hello;
    private IStepSession? _session;
    private IPushSession? _push;
    private Activity? _span;
    private int _chunksLeft;

    /// <exception cref="ProtocolException">It does not fit the job, or is no such message.</exception>
    public void Take(TensorFrame frame)
    {
        if (_session is null || _hello is null)
        {
            Hello said = WireConversions.Header(frame, WorkerHeader.Parser).Hello ?? throw WireConversions.Invalid("the stream does not begin with a hello");
            _hello = new StepHello(said.JobId, said.WorkerId, [.. said.Held.Take(MostHeld).Select(c => c.FromWire())]);
            _session = host.Attach(_hello, sink);
            return;
        }

        if (!frame.HeaderBytes.IsEmpty)
        {
            WorkerHeader header = WireConversions.Header(frame, WorkerHeader.Parser);
            if (header.FromWire() is { } message)
            {
                _session.Receive(message);
                return;
            }

            BeginPush(header.Contribution ?? throw WireConversions.Invalid("it says nothing that is known here"), _session, _hello);
        }

        IPushSession push = _push ?? throw WireConversions.Invalid("a chunk came without a contribution");
        if (frame.Index > 0)
        {
            if (frame.Place.Region != 0)
            {
                // Into memory of this process: what is checked and what is added must be the same.
                ReadOnlyMemory<int> placed = (inbox ?? throw WireConversions.Invalid("it refers to shared memory, and this stream has none")).At<int>(frame.Place, out _);
                placed.Span.CopyTo(frame.AppendIntegers(placed.Length));
            }

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

    public void Dispose()
    {
        EndPush();
        _session?.Dispose();
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

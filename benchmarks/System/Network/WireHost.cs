using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.SystemBenchmark.Network;

/// <summary>A parameter server without sum and update: once so many contributions are whole it offers the same values as the next version.</summary>
internal sealed class WireHost(float[] values, short[] ranges, int workers) : IShardHost
{
    private readonly Lock _gate = new();
    private readonly List<Session> _sessions = [];
    private Cursor _cursor = new(1, 0, 0);
    private int _contributions;

    public string Incarnation => "wire";

    public IStepSession Attach(StepHello hello, IStepSink sink)
    {
        var session = new Session(this, sink);
        lock (_gate)
        {
            _sessions.Add(session);
            sink.Send(Turn());
        }

        return session;
    }

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => throw Unused();

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => throw Unused();

    public JobDescriptor? Describe(string jobId) => throw Unused();

    public AbandonedSlots? InHand(string jobId, string workerId) => throw Unused();

    public IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation) => throw Unused();

    public Task CloseAsync(string jobId, CancellationToken cancellation) => throw Unused();

    public Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation) => throw Unused();

    public ShardStatus Status(string jobId) => throw Unused();

    public Task<bool> KeepAsync(string jobId, long version) => throw Unused();

    public CheckpointInventory Checkpoints(JobDescriptor descriptor) => throw Unused();

    public Task<double> ClipFactorAsync(string jobId, Cursor cursor, int shard, double[] blockSquares, CancellationToken cancellation) => throw Unused();

    public Task<bool> AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation) => throw Unused();

    public Task ProgressAsync(string jobId, ShardProgress progress, CancellationToken cancellation) => throw Unused();

    public Task CheckpointPartAsync(string jobId, CheckpointNotice notice, CancellationToken cancellation) => throw Unused();

    public Task<long> CheckpointAsync(string jobId, CancellationToken cancellation) => throw Unused();

    private static NotSupportedException Unused() => new("Only streams of workers are served here.");

    private TurnMessage Turn() => new(new PulledVersion(_cursor, finished: false, values, ranges, static () => { }));

    private PushResult Contributed(IStepSink from, long push)
    {
        lock (_gate)
        {
            var result = new PushResult(PushStatus.Accepted, _cursor, [], []);
            from.Send(new AnswerMessage(push, result));
            if (++_contributions == workers)
            {
                _contributions = 0;
                _cursor = _cursor with { Step = _cursor.Step + 1 };
                foreach (Session session in _sessions)
                {
                    session.Sink.Send(Turn());
                }
            }

            return result;
        }
    }

    private sealed record Session(WireHost Host, IStepSink Sink) : IStepSession
    {
        public void Receive(WorkerMessage message)
        {
        }

        public IPushSession BeginPush(long push, Contribution header) => new Push(Host, Sink, push);

        public void Dispose()
        {
            lock (Host._gate)
            {
                Host._sessions.Remove(this);
            }
        }
    }

    private sealed class Push(WireHost host, IStepSink sink, long number) : IPushSession
    {
        public void Add(in ChunkSum chunk)
        {
        }

        public PushResult Complete() => host.Contributed(sink, number);

        public void Dispose()
        {
        }
    }
}

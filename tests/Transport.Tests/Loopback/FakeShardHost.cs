using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A shard that notes what it is asked and answers what the test says.</summary>
internal sealed class FakeShardHost : IShardHost
{
    /// <value>Every call but pushes, with its arguments.</value>
    public ConcurrentQueue<object?[]> Calls { get; } = [];

    /// <value>Done with the first call that waits (pull, evaluation, clip, announce).</value>
    public TaskCompletionSource<CancellationToken> Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <value>Thrown by every call.</value>
    public Exception? Failure { get; init; }

    public bool NeedsValues { get; init; }
    public JobDescriptor? Descriptor { get; init; }
    public PulledVersion? Version { get; init; }
    public IReadOnlyList<int> MissingSlots { get; init; } = [];
    public double Factor { get; init; } = 1;
    public bool KeepsNext { get; init; }
    public long Kept { get; init; }
    public string Incarnation { get; init; } = "first";
    public ShardStatus JobStatus { get; init; } = new() { Incarnation = "first" };
    public CheckpointInventory Inventory { get; init; } = new([], 0);

    /// <value>Whoever waits does so until this is done.</value>
    public Task Gate { get; init; } = Task.CompletedTask;

    public Func<Contribution, FakePushSession> OnPush { get; init; } = header => new FakePushSession(header);

    public Channel<FakePushSession> Pushes { get; } = Channel.CreateUnbounded<FakePushSession>();

    public Channel<StepReport> Reports { get; } = Channel.CreateUnbounded<StepReport>();

    /// <value>Of who pulled last.</value>
    public WorkerPace Pace { get; private set; }

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => Note(NeedsValues, "open", descriptor);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => Note(true, "initialize", jobId, values.ToArray());

    public JobDescriptor? Describe(string jobId)
    {
        _ = Note(true, "describe", jobId);
        return Descriptor;
    }

    public async Task<PulledVersion> PullAsync(string jobId, Cursor? after, long heldStep, WorkerPace pace, CancellationToken cancellation)
    {
        Pace = pace;
        await Note(true, "pull", jobId, after, heldStep);
        await WaitAsync(cancellation);
        return Version!;
    }

    public PulledVersion? PullAt(string jobId, Cursor cursor, long heldStep)
    {
        _ = Note(true, "pullAt", jobId, cursor, heldStep);
        return Version;
    }

    public IPushSession BeginPush(Contribution header)
    {
        if (Failure is not null)
        {
            throw Failure;
        }

        FakePushSession session = OnPush(header);
        Assert.True(Pushes.Writer.TryWrite(session));
        return session;
    }

    public IReadOnlyList<int> Missing(string jobId, Cursor cursor)
    {
        _ = Note(true, "missing", jobId, cursor);
        return MissingSlots;
    }

    public void ReportEvaluation(string jobId, Cursor cursor, int slot, string workerId, EvaluationPart part) => _ = Note(true, "report", jobId, cursor, slot, workerId, part);

    public async Task WaitEvaluatedAsync(string jobId, Cursor cursor, CancellationToken cancellation)
    {
        await Note(true, "evaluated", jobId, cursor);
        await WaitAsync(cancellation);
    }

    public async IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Note(true, "watch", jobId, from);
        await foreach (StepReport report in Reports.Reader.ReadAllAsync(cancellation))
        {
            yield return report;
        }
    }

    public Task CloseAsync(string jobId, CancellationToken cancellation) => Note(true, "close", jobId);

    public async Task<double> ClipFactorAsync(string jobId, Cursor cursor, int shard, double[] blockSquares, CancellationToken cancellation)
    {
        await Note(true, "clip", jobId, cursor, shard, blockSquares);
        await WaitAsync(cancellation);
        return Factor;
    }

    public async Task<bool> AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation)
    {
        await Note(true, "announce", jobId, announcement);
        await WaitAsync(cancellation);
        return KeepsNext;
    }

    public async Task<long> CheckpointAsync(string jobId, CancellationToken cancellation)
    {
        await Note(true, "checkpoint", jobId);
        await WaitAsync(cancellation);
        return Kept;
    }

    public Task CheckpointPartAsync(string jobId, CheckpointNotice notice, CancellationToken cancellation) => Note(true, "part", jobId, notice);

    public Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation) => Note(true, "restore", descriptor, term, generation, version);

    public async Task<bool> KeepAsync(string jobId, long version)
    {
        await Note(true, "keep", jobId, version);
        return version == Kept;
    }

    public ShardStatus Status(string jobId)
    {
        _ = Note(true, "status", jobId);
        return JobStatus;
    }

    public CheckpointInventory Checkpoints(JobDescriptor descriptor)
    {
        _ = Note(true, "checkpoints", descriptor);
        return Inventory;
    }

    private Task<T> Note<T>(T answer, params object?[] call)
    {
        Calls.Enqueue(call);
        return Failure is null ? Task.FromResult(answer) : throw Failure;
    }

    private async Task WaitAsync(CancellationToken cancellation)
    {
        Waiting.TrySetResult(cancellation);
        await Gate.WaitAsync(cancellation);
    }
}

/// <summary>Copies what comes in, since the memory is the transport's.</summary>
internal sealed class FakePushSession(Contribution header) : IPushSession
{
    public Contribution Header { get; } = header;
    public List<ChunkSum> Chunks { get; } = [];
    public Action<int> OnAdd { get; init; } = _ => { };
    public PushResult Result { get; init; } = new(PushStatus.Accepted, default, [], []);
    public bool Completed { get; private set; }
    public TaskCompletionSource Added { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    public TaskCompletionSource Disposed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Add(in ChunkSum chunk)
    {
        Chunks.Add(new ChunkSum(chunk.Chunk, chunk.Sums.ToArray(), new(chunk.Escapes.ToArray()), chunk.Exponents.ToArray()));
        Added.TrySetResult();
        OnAdd(Chunks.Count);
    }

    public PushResult Complete()
    {
        Completed = true;
        return Result;
    }

    public void Dispose() => Disposed.TrySetResult();
}

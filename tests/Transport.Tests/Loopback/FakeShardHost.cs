using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A shard that notes what it is asked and answers what the test says.</summary>
internal sealed class FakeShardHost : IShardHost
{
    /// <value>Every call, with its arguments.</value>
    public ConcurrentQueue<object?[]> Calls { get; } = [];

    /// <value>Done with the first call that waits (clip, announce, checkpoint).</value>
    public TaskCompletionSource<CancellationToken> Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <value>Thrown by every call.</value>
    public Exception? Failure { get; init; }

    public bool NeedsValues { get; init; }
    public JobDescriptor? Descriptor { get; init; }
    public AbandonedSlots? Left { get; init; }
    public double Factor { get; init; } = 1;
    public bool KeepsNext { get; init; }
    public long Kept { get; init; }
    public string Incarnation { get; init; } = "first";
    public ShardStatus JobStatus { get; init; } = new() { Incarnation = "first" };
    public CheckpointInventory Inventory { get; init; } = new([], 0);

    /// <value>Whoever waits does so until this is done.</value>
    public Task Gate { get; init; } = Task.CompletedTask;

    public Func<Contribution, FakePushSession> OnPush { get; init; } = header => new FakePushSession(header);

    /// <value>Called with each word of a worker's.</value>
    public Action<WorkerMessage> OnReceive { get; init; } = _ => { };

    /// <value>What a stream begins with.</value>
    public Action<FakeStepSession> OnAttach { get; init; } = session => session.Sink.Send(Samples.Turn());

    public Channel<FakeStepSession> Sessions { get; } = Channel.CreateUnbounded<FakeStepSession>();

    public Channel<StepReport> Reports { get; } = Channel.CreateUnbounded<StepReport>();

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) => Note(NeedsValues, "open", descriptor);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) => Note(true, "initialize", jobId, values.ToArray());

    public JobDescriptor? Describe(string jobId)
    {
        _ = Note(true, "describe", jobId);
        return Descriptor;
    }

    public IStepSession Attach(StepHello hello, IStepSink sink)
    {
        _ = Note(true, "attach", hello.JobId, hello.WorkerId);
        var session = new FakeStepSession(this, hello, sink);
        OnAttach(session);
        Assert.True(Sessions.Writer.TryWrite(session));
        return session;
    }

    public async Task<FakeStepSession> NextSessionAsync() => await Sessions.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public AbandonedSlots? InHand(string jobId, string workerId)
    {
        _ = Note(true, "inHand", jobId, workerId);
        return Left;
    }

    public Task ProgressAsync(string jobId, ShardProgress progress, CancellationToken cancellation) => Note(true, "progress", jobId, progress);

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

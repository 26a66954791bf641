using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Tests.Hosting;

/// <summary>A worker's stream to one shard, whose messages a test sends and reads one by one.</summary>
internal sealed class StubStream : IStepSink, IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<ShardMessage> _messages = [];
    private readonly IStepSession _session;
    private TaskCompletionSource _more = NewSignal();
    private Exception? _reason;
    private bool _isEnded;
    private long _pushes;

    public StubStream(IShardHost host, string jobId, string workerId = "w") => _session = host.Attach(new StepHello(jobId, workerId, []), this);

    /// <value>All that came but turns.</value>
    public IReadOnlyList<ShardMessage> Messages
    {
        get
        {
            lock (_gate)
            {
                return [.. _messages.Where(m => m is not TurnMessage)];
            }
        }
    }

    public void Send(ShardMessage message)
    {
        lock (_gate)
        {
            _messages.Add(message);
            Pulse();
        }
    }

    public void End(Exception? reason)
    {
        lock (_gate)
        {
            (_isEnded, _reason) = (true, reason);
            Pulse();
        }
    }

    /// <summary>Waits for a message; what ended the stream before it is thrown.</summary>
    public async Task<T> WaitAsync<T>(Predicate<T> wanted) where T : ShardMessage
    {
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (_messages.OfType<T>().FirstOrDefault(m => wanted(m)) is { } found)
                {
                    return found;
                }

                if (_isEnded)
                {
                    throw _reason ?? new InvalidOperationException("The stream ended without a reason.");
                }

                more = _more.Task;
            }

            await more.WaitAsync(HostedCluster.Patience);
        }
    }

    /// <summary>Waits for the newest version past a cursor.</summary>
    public async Task<PulledVersion> TurnAsync(Cursor? after) => (await WaitAsync<TurnMessage>(m => !m.IsKept && (after is not { } cursor || m.Version.Cursor > cursor))).Version;

    public PushResult Push(Contribution contribution)
    {
        using IPushSession push = Begin(contribution);
        foreach (ChunkSum chunk in contribution.Chunks)
        {
            push.Add(chunk);
        }

        return push.Complete();
    }

    public IPushSession Begin(Contribution contribution) => _session.BeginPush(++_pushes, contribution with { Chunks = [] });

    public void Evaluate(Cursor cursor, int slot, EvaluationPart part) => _session.Receive(new EvaluationMessage(cursor, slot, part, 1));

    public void Say(WorkerMessage message) => _session.Receive(message);

    public void Dispose()
    {
        _session.Dispose();
        lock (_gate)
        {
            foreach (ShardMessage message in _messages)
            {
                message.Release();
            }
        }
    }

    private void Pulse()
    {
        _more.TrySetResult();
        _more = NewSignal();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
